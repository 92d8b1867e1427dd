import fc from 'fast-check'
import { expect, test } from 'vitest'
import { JsonValues, MAX_JSON_BYTES } from './json-values.ts'

/** The values found in the bytes when they come in these pieces, or the text of the error. */
function valuesOf(pieces: readonly Uint8Array[]): string[] | string {
  const values: string[] = []
  const reader = new JsonValues((value) => values.push(value.toString()))
  try {
    for (const piece of pieces) reader.push(Buffer.from(piece))
    reader.end()
    return values
  } catch (error) {
    return (error as Error).message
  }
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = []
  let at = 0
  for (let turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1
    pieces.push(bytes.subarray(at, at + size))
    at += size
  }
  return pieces
}

const PIECES = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 })

test('JsonValues finds the values however the bytes are cut', () => {
  const spaces = fc.string({ unit: fc.constantFrom(' ', '\n', '\t', '\r'), maxLength: 2 })
  const text = fc.tuple(spaces, fc.json({ maxDepth: 4 }), fc.constantFrom(' ', '\n'))
  fc.assert(
    fc.property(fc.array(text, { maxLength: 4 }), PIECES, (parts, sizes) => {
      const bytes = Buffer.from(parts.map((part) => part.join('')).join(''))
      expect(valuesOf(cut(bytes, sizes))).toEqual(parts.map(([, json]) => json))
    }),
  )
})

test('JsonValues refuses what JSON.parse refuses', () => {
  const alphabet = fc.constantFrom(...'{}[]":,\\ue019.-+trufalsn \n\u0001é'.split(''))
  fc.assert(
    fc.property(fc.string({ unit: alphabet, maxLength: 12 }), PIECES, (text, sizes) => {
      let isJson = true
      try {
        JSON.parse(text)
      } catch {
        isJson = false
      }
      const values = valuesOf(cut(Buffer.from(text), sizes))
      // Several values may follow each other, and no value is none.
      if (isJson) expect(values).toEqual([text.trim()])
      else if (typeof values !== 'string') for (const value of values) JSON.parse(value)
      if (!isJson && Array.isArray(values)) expect(values.length).not.toBe(1)
    }),
    { numRuns: 3000 },
  )
})

test.each([
  ['{"a":', 'unexpected EOF'],
  ['{a', "invalid character 'a' looking for beginning of object key string"],
  ["{'", "invalid character '\\'' looking for beginning of object key string"],
  ['x', "invalid character 'x' looking for beginning of value"],
  ['{"a"1', "invalid character '1' after object key"],
  ['{"a":1 2', "invalid character '2' after object key:value pair"],
  ['[1 2', "invalid character '2' after array element"],
  ['"\u0001"', "invalid character '\\x01' in string literal"],
  ['"\\x"', "invalid character 'x' in string escape code"],
  ['"\\u00g', "invalid character 'g' in \\u hexadecimal character escape"],
  ['-a', "invalid character 'a' in numeric literal"],
  ['1.a', "invalid character 'a' after decimal point in numeric literal"],
  ['1ea', "invalid character 'a' in exponent of numeric literal"],
  ['trax', "invalid character 'a' in literal true (expecting 'u')"],
  ['[é', "invalid character 'Ã' looking for beginning of value"],
  ['['.repeat(10_001), 'exceeded max depth'],
])('JsonValues refuses %j in the words of Go', (text, words) => {
  expect(valuesOf([Buffer.from(text)])).toBe(words)
})

test('JsonValues refuses a value that is too large, not one behind others', () => {
  const large = Buffer.alloc(MAX_JSON_BYTES / 2, 0x20)
  const words = `livetree embedded etcd: expected JSON of at most ${MAX_JSON_BYTES} bytes`
  expect(valuesOf([Buffer.from('{'), large, large])).toBe(words)
  expect(valuesOf([Buffer.from('{'), large, Buffer.from('}{'), large, Buffer.from('}')])).toHaveLength(2)
  expect(valuesOf([large, large, large, Buffer.from('{}')])).toEqual(['{}'])
})
