import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { KeyRange } from './key-range-form.ts'
import { assertHoldsKeys, bytesOf, isEmptyRange, keyAfter, Namespace, prefixEnd } from './key-range.ts'

function hex(bytes: string | Uint8Array): string {
  return bytesOf(bytes).toString('hex')
}

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
function contains(range: { key: string | Uint8Array; rangeEnd: string | Uint8Array }, key: Buffer): boolean {
  const [start, end] = [bytesOf(range.key), bytesOf(range.rangeEnd)]
  if (end.length === 0) return key.equals(start)
  if (Buffer.compare(key, start) < 0) return false
  return (end.length === 1 && end[0] === 0) || Buffer.compare(key, end) < 0
}

/** What the caller means. */
function isMeant(range: KeyRange, key: Buffer): boolean {
  if ('key' in range) return key.equals(bytesOf(range.key))
  if ('prefix' in range) return key.subarray(0, range.prefix.length).equals(bytesOf(range.prefix))
  if (Buffer.compare(key, bytesOf(range.from)) < 0) return false
  return range.to === undefined || Buffer.compare(key, bytesOf(range.to)) < 0
}

function someBytes(minLength: number): fc.Arbitrary<Buffer> {
  return fc
    .array(fc.constantFrom(0, 1, 0x61, 0xfe, 0xff), { minLength, maxLength: 3 })
    .map((bytes) => Buffer.from(bytes))
}

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

  test('T3.74 a range that holds no key is known as such, and none other', () => {
    fc.assert(
      fc.property(ranges, someBytes(0), (range, prefix) => {
        const wire = new Namespace(prefix).range(range)
        const to = 'to' in range && range.to !== undefined ? range.to : undefined
        const isEmpty =
          'from' in range && to !== undefined && Buffer.compare(bytesOf(range.from), bytesOf(to)) >= 0
        const isBeforeAll = prefix.length === 0 && to !== undefined && hex(to) === '00'
        expect(isEmptyRange(wire)).toBe(isEmpty || isBeforeAll)
        if (isEmpty || isBeforeAll)
          expect(() => assertHoldsKeys(wire, 'Watch/Watch')).toThrow(/range is empty/)
        else expect(assertHoldsKeys(wire, 'Watch/Watch')).toBe(wire)
      }),
      { numRuns: 5000 },
    )
  })

  test.each<[unknown, RegExp]>([
    [undefined, /range is undefined, not \{ key \}/],
    [null, /range is null/],
    ['a', /range is a text/],
    [{}, /names no keys/],
    [{ prefx: 'a' }, /names no keys/],
    [{ key: undefined }, /the key is undefined/],
    [{ prefix: undefined }, /prefix of the range is undefined/],
    [{ from: undefined }, /from of the range is undefined/],
    [{ from: 'a', to: undefined }, /to of the range is undefined/],
    [{ from: 'a', to: null }, /to of the range is null/],
    [{ from: 'a', to: 5 }, /to of the range is 5/],
    [{ key: 'a', prefix: 'a' }, /has key and prefix/],
    [{ key: undefined, from: 'a' }, /has key and from/],
    [{ prefix: 'a', to: 'b' }, /has to, which belongs to from/],
    [{ key: 5 }, /the key is 5/],
    [{ key: ['a'] }, /the key is a list/],
    [{ key: Promise.resolve('a') }, /the key is an object/],
    [{ key: '\ud800' }, /the key is a text, not text \(without lone surrogates\)/],
    [{ key: Object.create(Uint8Array.prototype) }, /the key is an object/],
  ])('a range that is not said clearly becomes no range at all: %j', (range, message) => {
    for (const prefix of ['', 'app/']) {
      expect(() => new Namespace(prefix).range(range as KeyRange)).toThrow(message)
    }
  })

  test('bytes whose memory was given away are not taken for empty ones', () => {
    const key = Uint8Array.of(1, 2)
    structuredClone(key, { transfer: [key.buffer] })
    expect(() => new Namespace().range({ prefix: key })).toThrow(/invalid_argument/)
  })

  test('a namespace keeps its bytes, whatever becomes of those it was made from', () => {
    const bytes = Buffer.from('app/')
    const namespace = new Namespace(bytes)
    bytes.fill(0)
    expect(hex(namespace.key('a'))).toBe(hex('app/a'))
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
