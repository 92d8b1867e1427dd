import { expect, it } from 'vitest'
import { Fifo } from './fifo.ts'

it('gives what was pushed, in order, however it is taken', () => {
  const fifo = new Fifo<number>()
  const model: number[] = []
  let pushed = 0
  for (let step = 1; step <= 400; step++) {
    for (let count = 0; count < (step * 37) % 101; count++) {
      fifo.push(pushed)
      model.push(pushed++)
    }
    expect(fifo.length).toBe(model.length)
    expect(fifo.first(3)).toEqual(model.slice(0, 3))
    const most = step % 50 === 0 ? undefined : (step * 13) % 97
    expect(fifo.take(most)).toEqual(model.splice(0, most ?? model.length))
  }
})

it('costs the same however many wait', () => {
  const fifo = new Fifo<number>()
  const count = 1_000_000
  for (let item = 0; item < count; item++) fifo.push(item)
  const start = performance.now()
  for (let item = 0; item < count; item++) expectSame(fifo.take(1)[0], item)
  // Moving the list for each item would take minutes.
  expect(performance.now() - start).toBeLessThan(10_000)
})

/** `expect` a million times takes too long. */
function expectSame(one: unknown, other: unknown): void {
  if (one !== other) throw new Error(`${one} is not ${other}`)
}
