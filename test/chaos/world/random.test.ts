import { expect, it } from 'vitest'
import { Random } from './random.ts'

it('Random: the same seed gives the same, another one does not', () => {
  const draw = (seed: number) => {
    const random = new Random(seed)
    return [
      random.next(),
      random.between(1, 1_000),
      random.pick([1, 2, 3]),
      random.shuffle([1, 2, 3, 4]),
      random.fork().next(),
    ]
  }
  expect(draw(7)).toEqual(draw(7))
  expect(draw(7)).not.toEqual(draw(8))
})

it('Random: what is drawn lies where it has to, and everywhere there', () => {
  const random = new Random(1)
  const drawn = Array.from({ length: 2_000 }, () => random.between(3, 7))
  expect(new Set(drawn)).toEqual(new Set([3, 4, 5, 6, 7]))
  expect(random.shuffle([1, 2, 3, 4]).sort()).toEqual([1, 2, 3, 4])
  const chances = Array.from({ length: 2_000 }, () => random.chance(0.25)).filter((is) => is).length
  expect(chances).toBeGreaterThan(400)
  expect(chances).toBeLessThan(600)
})
