import { describe, expect, it } from 'vitest'
import type { KeyRange } from '../key-range-form.ts'
import { bytesOf } from '../key-range.ts'
import { exactRangeOf, rangeOfPermission, wireRangeOf } from './permission-range.ts'

describe('the range of a permission', () => {
  it.each<KeyRange>([
    { key: 'a' },
    { prefix: 'a/' },
    { prefix: '' },
    { from: 'a' },
    { from: 'a', to: 'm' },
    { key: Buffer.of(0xff, 0xfe) },
    { from: Buffer.of(0xff), to: Buffer.of(0xff, 0xff) },
  ])('%s comes back as it was granted', (range) => {
    const { key, rangeEnd } = wireRangeOf(range)
    expect(rangeOfPermission(bytesOf(key), bytesOf(rangeEnd))).toEqual(range)
  })

  it.each<KeyRange>([
    { from: 'b', to: 'a' },
    { from: 'a', to: 'a' },
    { from: 'a', to: Buffer.of(0) },
    { from: '', to: Buffer.of(0) },
  ])('%s holds no key, so that nothing is permitted by it', (range) => {
    expect(() => wireRangeOf(range)).toThrow(/\[invalid_argument\].*range is empty/)
  })

  it('of one that another tool granted upside down can be revoked; none that says something else', () => {
    const range = rangeOfPermission(Buffer.from('b'), Buffer.from('a'))
    expect(exactRangeOf(range)).toEqual({ key: 'b', rangeEnd: 'a' })
    expect(exactRangeOf({ from: 'a' })).toEqual(wireRangeOf({ from: 'a' }))
    for (const from of ['a', '']) {
      expect(() => exactRangeOf({ from, to: Buffer.of(0) })).toThrow(/range is empty/)
    }
  })

  it('is told in the simplest words', () => {
    expect(rangeOfPermission(Buffer.from('a'), Buffer.from('b'))).toEqual({ prefix: 'a' })
    expect(rangeOfPermission(Buffer.of(0), Buffer.of(0))).toEqual({ prefix: '' })
  })
})
