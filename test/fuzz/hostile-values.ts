import fc from 'fast-check'
import { Unreadable } from '../../packages/core/src/source/index.ts'

/** Segments that mean something to JavaScript, to percent-encoding, to UTF-8, or to nobody. */
export const hostileSegment: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom(
      '__proto__',
      'constructor',
      'prototype',
      'toString',
      'valueOf',
      'hasOwnProperty',
      'toJSON',
      'then',
      'length',
      '__PROTO__',
      '%5F%5Fproto%5F%5F',
      '',
      '.',
      '..',
      '%',
      '%2',
      '%2F',
      '%2f',
      '%25',
      '%zz',
      '%00',
      '%FF%FE',
      '%C3%A9',
      '\0',
      '\ud800',
      '\udfff\ud800',
      '\ufeff',
      'e\u0301',
      '\u202e',
      '-1',
      '00',
      '1e3',
      '4294967295',
      '9007199254740993',
      ' ',
      '\n',
      'x'.repeat(3_000),
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 6 }) },
)

const nested = (open: string, close: string, inner: string) => (times: number) =>
  open.repeat(times) + inner + close.repeat(times)

const depths = fc.oneof(fc.nat(12), fc.integer({ min: 90, max: 210 }), fc.constantFrom(2_000, 20_000))

/** Texts that are hard to read as any type. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      '',
      '\0',
      'a\0b',
      '\ud800',
      '\ufeff5',
      '5\r\n',
      '-0',
      '1e999',
      '0x10',
      '1_000',
      'NaN',
      'Infinity',
      '9'.repeat(400),
      '-9223372036854775809',
      '2026-02-30',
      '0000-01-01T00:00:00Z',
      'x'.repeat(20_000),
      '{"__proto__": {"polluted": 1}}',
      '{"a": {"__proto__": {"polluted": 1}}, "b": 5}',
      '{"constructor": {"prototype": {"polluted": 1}}}',
      '{"__proto__": null, "toString": 1}',
      '[{"__proto__": {"polluted": 1}}]',
      '{"a": 1, "a": {"x": 2}, "a": [3]}',
      '{"a": null, "x": [], "y": {}, "": 1}',
      '{"a/b": 1, "%2F": 2, "\\u0000": 3, "\\ud800": 4}',
      '{"toJSON": 1, "then": 2, "length": -1}',
      '{',
      '[',
      '{"a":',
      '[1,',
      '"',
      'null',
      'true',
      '{"a": 1e999}',
      '[1e400, -0]',
      `[${'0,'.repeat(5_000)}0]`,
      `{${Array.from({ length: 500 }, (_, index) => `"k${index}": ${index}`).join()}}`,
    ),
  },
  { weight: 1, arbitrary: depths.map(nested('[', ']', '1')) },
  { weight: 1, arbitrary: depths.map(nested('{"a":', '}', '"x"')) },
  { weight: 1, arbitrary: depths.map(nested('{"x":[', ']}', '5')) },
  { weight: 1, arbitrary: fc.json({ maxDepth: 4 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
)

function ring(): object {
  const value: Record<string, unknown> = { a: 1 }
  value.x = [value]
  return value
}

function deep(depth: number): object {
  let value: object = { a: 'x' }
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? { a: value } : [value]
  return value
}

class Strange {
  a = 1
  get b(): never {
    throw new Error('a getter that throws')
  }
}

/** Values as a program or a file may hand them over, most of which no schema wants. */
export const hostileTyped: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    Number.NaN,
    Number.POSITIVE_INFINITY,
    -0,
    2n ** 70n,
    null,
    Symbol('s'),
    () => 1,
    new Date(Number.NaN),
    new Map([['__proto__', 1]]),
    new Set([new Set()]),
    new Uint8Array(3),
    /x/,
    [],
    {},
    [undefined, 3],
    new Strange(),
    new Unreadable('not readable, for the test'),
    [new Unreadable('not readable, for the test')],
  ),
  fc
    .constantFrom(
      '{"__proto__": {"polluted": 1}}',
      '{"a": {"__proto__": {"polluted": 1}}}',
      '{"constructor": {"prototype": {"polluted": 1}}}',
      '[{"__proto__": {"polluted": 1}}]',
    )
    .map((text) => JSON.parse(text) as unknown),
  fc.constant(0).map(ring),
  fc.constantFrom(50, 99, 101, 150, 5_000).map(deep),
  fc.object({
    maxDepth: 2,
    withNullPrototype: true,
    withMap: true,
    withSet: true,
    withBigInt: true,
    withDate: true,
    withTypedArray: true,
    withSparseArray: true,
  }),
)
