import { expect, it } from 'vitest'
import { judgeFlatness } from './flatness.ts'

const slack = { share: 0.05, amount: 1 }
const judge = (values: readonly number[]) => judgeFlatness('heap', 'MiB', values, slack).isFlat
const along = (at: (position: number) => number) => Array.from({ length: 40 }, (_, index) => at(index))

it('judgeFlatness: what breathes, warms up or has outliers is flat; what grows is not', () => {
  expect(judge(along((at) => 25 + Math.sin(at)))).toBe(true)
  expect(judge(along((at) => (at < 8 ? at : 25)))).toBe(true)
  expect(judge(along((at) => (at === 38 ? 900 : 25)))).toBe(true)
  expect(judge(along((at) => 25 + at / 5))).toBe(false)
  expect(judge(along((at) => (at < 30 ? 25 : 28)))).toBe(false)
})

it('judgeFlatness: too few samples are no judgement', () => {
  expect(() => judge([1, 2, 3])).toThrow('too few')
})
