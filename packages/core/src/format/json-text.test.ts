import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseJsonText } from './json-text.ts'
import { WrittenScalar } from './written-scalar.ts'

/** Numbers as JSON.parse has them. */
function plain(value: unknown): unknown {
  if (value instanceof WrittenScalar) return value.value
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]))
}

const native = (text: string): { value: unknown } | undefined => {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}

const hostile = fc.constantFrom(
  ...[
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    '\\u00',
    '0',
    '-',
    '.',
    'e',
    '+',
    'true',
    'nul',
    ' ',
    '\n',
    '\t',
  ],
  ...['\u0000', '\u00a0', '\ufeff', '/', '\\"', '01', '1.', '.5', '-0', '"a"', '{"a":1}', '[1,2]', 'NaN'],
)

test('parseJsonText takes and refuses what JSON.parse takes and refuses, and reads the same', () => {
  const jsonText = fc
    .jsonValue({ noUnicodeString: false } as never)
    .chain((value) => fc.constantFrom(JSON.stringify(value), JSON.stringify(value, undefined, '\t')))
  const spoiled = fc.tuple(jsonText, fc.nat(), fc.nat(3), hostile).map(([text, at, gone, put]) => {
    const start = at % (text.length + 1)
    return text.slice(0, start) + put + text.slice(start + gone)
  })
  const text = fc.oneof(
    jsonText,
    spoiled,
    fc.array(hostile, { maxLength: 8 }).map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(text, (given) => {
      const parsed = parseJsonText(given)
      const expected = native(given)
      if (parsed.type === 'problem' && parsed.what === 'duplicate') return
      expect(parsed.type === 'value').toBe(expected !== undefined)
      const hasLargeNumber = /\d{16}|\de/i.test(given)
      if (parsed.type === 'value' && !hasLargeNumber) expect(plain(parsed.value)).toEqual(expected!.value)
    }),
    { numRuns: 3_000 },
  )
})

test.each([
  ['1.10', new WrittenScalar(1.1, '1.10')],
  ['1e3', new WrittenScalar(1000, '1e3')],
  ['-0', new WrittenScalar(-0, '-0')],
  ['0.10000000000000000001', new WrittenScalar(0.1, '0.10000000000000000001')],
  ['12345678901234567890', new WrittenScalar(12345678901234567890n, '12345678901234567890')],
  ['9007199254740993.0', '9007199254740993.0'],
  ['1e400', '1e400'],
  ['8080', 8080],
])('parseJsonText keeps the text of %s', (text, expected) => {
  expect(parseJsonText(text)).toEqual({ type: 'value', value: expected })
})

test.each([
  ['{"a":1,"b":{"c":1,"c":2}}', { type: 'problem', what: 'duplicate', offset: 18 }],
  ['{"a":1,"\\u0061":2}', { type: 'problem', what: 'duplicate', offset: 7 }],
  ['{"__proto__":1,"__proto__":2}', { type: 'problem', what: 'duplicate', offset: 15 }],
  ['{"a" 1}', { type: 'problem', what: 'syntax', offset: 5 }],
  ['['.repeat(100_000), { type: 'problem', what: 'depth', offset: 501 }],
])('parseJsonText says where %s goes wrong', (text, expected) => {
  expect(parseJsonText(text)).toEqual(expected)
})

test('parseJsonText puts __proto__ into no prototype', () => {
  const parsed = parseJsonText('{"__proto__":{"polluted":1}}')
  const { value } = parsed as { value: object }
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
  expect(Object.keys(value)).toEqual(['__proto__'])
})
