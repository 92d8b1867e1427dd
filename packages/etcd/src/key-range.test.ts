import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesOf, type KeyRange, keyAfter, Namespace, prefixEnd } from './key-range.ts'

const hex = (bytes: string | Uint8Array): string => bytesOf(bytes).toString('hex')

describe('prefixEnd', () => {
  test.each([
    ['61', '62'],
    ['61ff', '62'],
    ['61ffff', '62'],
    ['ff', '00'],
    ['', '00'],
    ['00', '01'],
    ['c3bc', 'c3bd'],
  ])('%s ends before %s', (prefix, end) => {
    expect(prefixEnd(Buffer.from(prefix, 'hex')).toString('hex')).toBe(end)
  })
})

/** What etcd does with a range. */
const contains = (
  range: { key: string | Uint8Array; rangeEnd: string | Uint8Array },
  key: Buffer,
): boolean => {
  const [start, end] = [bytesOf(range.key), bytesOf(range.rangeEnd)]
  if (end.length === 0) return key.equals(start)
  if (Buffer.compare(key, start) < 0) return false
  return (end.length === 1 && end[0] === 0) || Buffer.compare(key, end) < 0
}

/** What the caller means. */
const isMeant = (range: KeyRange, key: Buffer): boolean => {
  if ('key' in range) return key.equals(bytesOf(range.key))
  if ('prefix' in range) return key.subarray(0, range.prefix.length).equals(bytesOf(range.prefix))
  if (Buffer.compare(key, bytesOf(range.from)) < 0) return false
  return range.to === undefined || Buffer.compare(key, bytesOf(range.to)) < 0
}

const someBytes = (minLength: number): fc.Arbitrary<Buffer> =>
  fc
    .array(fc.constantFrom(0, 1, 0x61, 0xfe, 0xff), { minLength, maxLength: 3 })
    .map((bytes) => Buffer.from(bytes))

const ranges: fc.Arbitrary<KeyRange> = fc.oneof(
  fc.record({ key: someBytes(1) }),
  fc.record({ prefix: someBytes(0) }),
  fc.record({ from: someBytes(0) }),
  fc.record({ from: someBytes(0), to: someBytes(1) }),
)

describe('Namespace', () => {
  test('a range holds exactly the keys that are meant, in any namespace', () => {
    fc.assert(
      fc.property(ranges, someBytes(1), someBytes(0), (range, key, prefix) => {
        // An end of one zero byte is etcd's own word for "to the end"; no key lies before it but the empty one.
        fc.pre(!('to' in range && range.to !== undefined && prefix.length === 0 && hex(range.to) === '00'))
        const namespace = new Namespace(prefix)
        expect(contains(namespace.range(range), Buffer.concat([prefix, key]))).toBe(isMeant(range, key))
      }),
      { numRuns: 5000 },
    )
  })

  test('a range never leaves its namespace', () => {
    fc.assert(
      fc.property(ranges, someBytes(1), someBytes(1), (range, key, prefix) => {
        fc.pre(!key.subarray(0, prefix.length).equals(prefix))
        expect(contains(new Namespace(prefix).range(range), key)).toBe(false)
      }),
      { numRuns: 5000 },
    )
  })

  test('strips what it put there', () => {
    const namespace = new Namespace('app/')
    expect(hex(namespace.strip(bytesOf(namespace.key('a'))))).toBe(hex('a'))
    expect(new Namespace().key('a')).toBe('a')
  })

  test('refuses an empty key and an empty end', () => {
    expect(() => new Namespace('app/').key('')).toThrow(/invalid_argument.*key is empty/)
    expect(() => new Namespace().range({ key: '' })).toThrow(/key is empty/)
    expect(() => new Namespace().range({ from: 'a', to: '' })).toThrow(/end of the range is empty/)
  })
})

test('keyAfter is the very next key', () => {
  expect(hex(keyAfter(Buffer.from('a')))).toBe('6100')
})
