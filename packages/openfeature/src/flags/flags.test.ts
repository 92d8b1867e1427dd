import { expect, test } from 'vitest'
import { changedNames } from './flags.ts'

test('changedNames: names what is another value, and what came or went, in the order of both', () => {
  const same = { a: 1 }
  const before = { nan: Number.NaN, zero: 0, text: 'x', same, gone: 1, unset: undefined }
  const after = { nan: Number.NaN, zero: -0, text: 'y', same, came: 1, unset: undefined }
  expect(changedNames(before, after)).toEqual(['zero', 'text', 'gone', 'came'])
  expect(changedNames(before, { ...before })).toEqual([])
  expect(changedNames({ toString: undefined }, {})).toEqual([])
  expect(
    changedNames({ a: Object.prototype.toString, toString: 1 }, { a: Object.prototype.toString }),
  ).toEqual(['toString'])
})
