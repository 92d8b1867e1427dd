import { expect, test } from 'vitest'
import { type KeySpan, KeySpans } from './key-spans.ts'

test('KeySpans.has finds what lies in any of its spans, however they overlap', () => {
  let seed = 7
  const next = (below: number): number => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31
    return Math.floor((seed / 2 ** 31) * below)
  }
  const key = () => String.fromCharCode(97 + next(20))
  const list = () => Array.from({ length: next(8) }, (): KeySpan => ({ start: key(), end: key() }))
  for (let round = 0; round < 500; round += 1) {
    const [one, other] = [list(), list()]
    const spans = KeySpans.of(one).with(KeySpans.of(other))
    for (let at = 0; at < 20; at += 1) {
      const tried = String.fromCharCode(97 + at)
      const isThere = [...one, ...other].some(({ start, end }) => start <= tried && tried < end)
      expect([one, other, tried, spans.has(tried)]).toEqual([one, other, tried, isThere])
    }
  }
})

test('KeySpans of nothing, or of spans that hold nothing, has nothing', () => {
  expect(KeySpans.of([]).has('')).toBe(false)
  const empty = [
    { start: 'b', end: 'a' },
    { start: 'a', end: 'a' },
    { start: 'a', end: '' },
  ]
  expect(KeySpans.of(empty).has('a')).toBe(false)
})
