import { describe, expect, it } from 'vitest'
import { bytesOf, type KeyRange } from '../key-range.ts'
import { rangeOfPermission, wireRangeOf } from './permission-range.ts'

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

  it('is told in the simplest words', () => {
    expect(rangeOfPermission(Buffer.from('a'), Buffer.from('b'))).toEqual({ prefix: 'a' })
    expect(rangeOfPermission(Buffer.of(0), Buffer.of(0))).toEqual({ prefix: '' })
  })
})
