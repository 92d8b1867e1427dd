import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keyBytes, keyText } from './key-text.ts'

/** Bytes around every border of UTF-8, and texts that look like what bytes are written as. */
const piece = fc.oneof(
  fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom('%FF', '%25', '%', '\\xFF', 'ß', '€', '😀', '/').map((text) => Buffer.from(text)),
  fc
    .constantFrom([0xff], [0xc3], [0xed, 0xb3, 0xbf], [0xed, 0xa0, 0x80], [0xf0, 0x9f, 0x98])
    .map(Buffer.from),
)
const key = fc.array(piece, { maxLength: 6 }).map((pieces) => Buffer.concat(pieces))

test('keyText: UTF-8 text stays as it is, and every other key comes back from its own text', () => {
  fc.assert(
    fc.property(key, (bytes) => {
      const text = keyText(bytes)
      expect(keyBytes(text)).toEqual(bytes)
      const decoded = bytes.toString()
      expect(text === decoded).toBe(Buffer.from(decoded).equals(bytes))
      expect(text.isWellFormed()).toBe(text === decoded)
    }),
    { numRuns: 20_000 },
  )
})

test('keyText: no two keys have one text', () => {
  const same = [[0x25, 0x46, 0x46], [0xff], [0x5c, 0x78, 0x46, 0x46], [0x25, 0xff], [0x25, 0x25, 0xff]]
  expect(new Set(same.map((bytes) => keyText(Buffer.from(bytes)))).size).toBe(same.length)
})
