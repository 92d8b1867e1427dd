import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { flatten } from '../source/flatten.ts'
import { type DocumentFormat, parseDocument } from '../source/parse-document.ts'
import { Unreadable } from '../source/source.ts'
import { acceptedValue, issuesOf, staged, storedLayer, type Tree } from './staged.test.kit.ts'

/** A layer as `file()` and `memory()` have it. */
const nestedLayer = { ...storedLayer('file'), isNested: true }

const leavesOf = (value: unknown): Tree =>
  value instanceof Unreadable
    ? { '': value }
    : Object.fromEntries(flatten(value).map((leaf) => [leaf.path, leaf.value]))

async function fromFile(schema: z.ZodType, text: string, format: DocumentFormat): Promise<unknown> {
  const leaves = leavesOf(await parseDocument(Buffer.from(text), format))
  return acceptedValue(staged(schema, { layers: [nestedLayer] }).patch(0, leaves))
}

const fromMemory = (schema: z.ZodType, value: object) =>
  acceptedValue(staged(schema, { layers: [nestedLayer] }).patch(0, leavesOf(value)))
const fromKeys = (schema: z.ZodType, tree: Tree) => acceptedValue(staged(schema).patch(0, tree))

describe('a scalar of a document is read by the schema, from the text as it was written', () => {
  const cases: readonly [
    name: string,
    schema: z.ZodType,
    written: string,
    expected: unknown,
    isYaml?: true,
  ][] = [
    ['number as text', z.string(), '8080', '8080'],
    ['fraction as text', z.string(), '1.10', '1.10'],
    ['exponent as text', z.string(), '1e3', '1e3'],
    ['boolean as text', z.string(), 'true', 'true'],
    ['large integer as text', z.string(), '12345678901234567890', '12345678901234567890'],
    ['digits that no number holds as text', z.string(), '0.30000000000000000001', '0.30000000000000000001'],
    ['minus zero as text', z.string(), '-0', '-0'],
    ['too large for a number as text', z.string(), '1e400', '1e400'],
    ['leading zeros as text', z.string(), '0755', '0755', true],
    ['more leading zeros', z.string(), '012345678901', '012345678901', true],
    ['hexadecimal as text', z.string(), '0x1F', '0x1F', true],
    ['octal as text', z.string(), '0o17', '0o17', true],
    ['signed as text', z.string(), '+5', '+5', true],
    ['capital boolean as text', z.string(), 'True', 'True', true],
    ['infinity as text', z.string(), '.inf', '.inf', true],
    ['number of an enum', z.enum(['8080', '1.10']), '1.10', '1.10'],
    ['boolean of an enum', z.enum(['true', 'auto']), 'true', 'true'],
    ['number of a literal', z.literal(['1.10', '2']), '1.10', '1.10'],
    ['number of a literal of numbers', z.literal([1.1, 2]), '1.10', 1.1],
    ['both of a literal: the typed one', z.literal(['1', 1]), '1', 1],
    ['stringbool', z.stringbool(), 'true', true],
    ['stringbool of a number', z.stringbool(), '0', false],
    ['boolean of a number', z.boolean(), '1', true],
    ['coerced text', z.coerce.string(), '1.10', '1.10'],
    [
      'codec of text',
      z.codec(z.string(), z.number(), { decode: (it) => it.length, encode: String }),
      '1.10',
      4,
    ],
    ['transform of text', z.string().transform((it) => `v${it}`), '1.10', 'v1.10'],
    ['pattern', z.string().regex(/^\d+\.\d{2}$/), '1.10', '1.10'],
    ['template', z.templateLiteral(['1.', z.string()]), '1.10', '1.10'],
    ['union, text first', z.union([z.string(), z.number()]), '1.10', '1.10'],
    ['union, coerced text', z.union([z.boolean(), z.coerce.string()]), '1.10', '1.10'],
    ['union, a number that loses nothing', z.union([z.string(), z.number()]), '8080', 8080],
    ['union, a boolean', z.union([z.string(), z.boolean()]), 'true', true],
    ['union of text alone', z.union([z.literal('auto'), z.string().regex(/\d/)]), '8080', '8080'],
    ['number', z.number(), '1.10', 1.1],
    ['bigint', z.bigint(), '12345678901234567890', 12345678901234567890n],
    ['bigint with an exponent', z.bigint(), '1e3', 1000n],
    ['number, hexadecimal', z.number(), '0x1F', 31, true],
    ['bigint, large hexadecimal', z.bigint(), '0xFFFFFFFFFFFFFFFF', 0xffffffffffffffffn, true],
    ['boolean, capital', z.boolean(), 'True', true, true],
    ['unknown: the value', z.unknown(), '1.10', 1.1],
    ['any JSON: the value', z.json(), '1.10', 1.1],
    ['nullable text', z.string().nullable(), '1.10', '1.10'],
    ['optional with a default', z.string().default('x'), '0.10', '0.10'],
    ['bytes', z.instanceof(Uint8Array).transform((it) => [...it]), '1234', [0xd7, 0x6d, 0xf8]],
    ['date of a year', z.union([z.date(), z.string()]), '2026', '2026'],
    ['union, a bigint first', z.union([z.bigint(), z.string()]), '9007199254740993', 9007199254740993n],
    [
      'union, a negative bigint first',
      z.union([z.bigint(), z.string()]),
      '-9007199254740993',
      -9007199254740993n,
    ],
    ['union, a small bigint', z.union([z.bigint(), z.string()]), '2020', 2020n],
    [
      'union, text before a bigint',
      z.union([z.string(), z.bigint()]),
      '9007199254740993',
      '9007199254740993',
    ],
    [
      'union, coerced bigint',
      z.union([z.coerce.bigint(), z.string()]),
      '9007199254740993',
      9007199254740993n,
    ],
    ['union, number too large', z.union([z.number(), z.string()]), '9007199254740993', '9007199254740993'],
    ['literal bigint', z.literal(9007199254740993n), '9007199254740993', 9007199254740993n],
    [
      'literal bigint in a union',
      z.union([z.literal(9007199254740993n), z.string()]),
      '9007199254740993',
      9007199254740993n,
    ],
    [
      'literal bigint, hexadecimal',
      z.literal(9007199254740993n),
      '0x20000000000001',
      9007199254740993n,
      true,
    ],
    ['large number in an enum', z.enum(['9007199254740993']), '9007199254740993', '9007199254740993'],
    ['large number, unknown', z.unknown(), '9007199254740993', '9007199254740993'],
    ['large number, any JSON', z.json(), '9007199254740993', '9007199254740993'],
  ]

  test.each(cases)('%s', async (_name, schema, written, expected, isYaml) => {
    const at = z.object({ it: schema })
    expect(await fromFile(at, `it: ${written}`, 'yaml')).toEqual({ it: expected })
    expect(await fromFile(z.object({ it: z.array(schema) }), `it: [${written}]`, 'yaml')).toEqual({
      it: [expected],
    })
    const map = z.object({ it: z.map(z.string(), schema) })
    expect(await fromFile(map, `it: {x: ${written}}`, 'yaml')).toEqual({ it: new Map([['x', expected]]) })
    if (isYaml) return
    expect(await fromFile(at, `{"it": ${written}}`, 'json')).toEqual({ it: expected })
    expect(fromKeys(at, { '': `{"it": ${written}}` })).toEqual({ it: expected })
    expect(fromKeys(z.object({ it: z.array(schema) }), { it: `[${written}]` })).toEqual({ it: [expected] })
    expect(fromKeys(z.object({ o: at }), { o: `{"it": ${written}}` })).toEqual({ o: { it: expected } })
  })

  test('a number or boolean that a program gives is read the same', () => {
    const schema = z.object({ a: z.string(), b: z.enum(['true']), c: z.stringbool(), d: z.boolean() })
    expect(fromMemory(schema, { a: 8080, b: true, c: true, d: 0 })).toEqual({
      a: '8080',
      b: 'true',
      c: true,
      d: false,
    })
  })

  test.each([
    ['null is no text', z.string(), 'null'],
    ['nor is nothing', z.string(), ''],
    ['not a number is no text', z.string(), Number.NaN],
    ['a boolean is no number', z.number(), 'true'],
  ])('%s', async (_name, schema, written) => {
    const { patch } = staged(z.object({ it: schema }), { layers: [nestedLayer] })
    const leaves =
      typeof written === 'number'
        ? { it: written }
        : leavesOf(await parseDocument(Buffer.from(`it: ${written}`), 'yaml'))
    expect(issuesOf(patch(0, leaves))).toMatchObject([{ pathText: 'it', code: 'invalid_type' }])
  })

  test('quoted digits are text before they are a bigint', async () => {
    const schema = z.object({ it: z.union([z.bigint(), z.string()]) })
    for (const format of ['yaml', 'json'] as const)
      expect(await fromFile(schema, '{"it": "9007199254740993"}', format)).toEqual({ it: '9007199254740993' })
  })

  test('zod does not coerce what the first option of a union refuses', async () => {
    const schema = z.object({ it: z.union([z.coerce.boolean(), z.number(), z.string()]) })
    for (const written of ['2', '1.10', '9007199254740993']) {
      const leaves = leavesOf(await parseDocument(Buffer.from(`it: ${written}`), 'yaml'))
      for (const tree of [leaves, { it: written }])
        expect(issuesOf(staged(schema, { layers: [nestedLayer] }).patch(0, tree)), written).toHaveLength(1)
    }
    expect(await fromFile(schema, 'it: 1', 'yaml')).toEqual({ it: true })
    const numberFirst = z.object({ it: z.union([z.number(), z.coerce.boolean()]) })
    expect(await fromFile(numberFirst, 'it: 2', 'yaml')).toEqual({ it: 2 })
  })

  test('a tag chooses its option however it is written', async () => {
    const schema = z.discriminatedUnion('v', [
      z.object({ v: z.literal('1.10'), a: z.number() }),
      z.object({ v: z.literal(2), b: z.string() }),
    ])
    expect(await fromFile(z.object({ it: schema }), 'it: {v: 1.10, a: 0x10}', 'yaml')).toEqual({
      it: { v: '1.10', a: 16 },
    })
    expect(
      await fromFile(z.object({ it: z.array(schema) }), 'it: [{v: 1.10, a: 1}, {v: 2, b: 1.0}]', 'yaml'),
    ).toEqual({
      it: [
        { v: '1.10', a: 1 },
        { v: 2, b: '1.0' },
      ],
    })
  })

  test('quoted text stays text where any JSON may stand', async () => {
    const schema = z.object({ it: z.record(z.string(), z.json()) })
    const text = '{"it": {"a": "1.10", "b": ["1.10", {"c": "true"}], "d": {"e": "null"}, "f": "[1]"}}'
    const { it } = JSON.parse(text) as { it: unknown }
    expect(await fromFile(schema, text, 'json')).toEqual({ it })
    expect(await fromFile(schema, text, 'yaml')).toEqual({ it })
    expect(fromKeys(schema, { '': text })).toEqual({ it })
    expect(fromKeys(schema, { it: JSON.stringify(it) })).toEqual({ it })
    // a key alone cannot tell
    expect(fromKeys(schema, { 'it/a': '1.10', 'it/b': '"1.10"' })).toEqual({ it: { a: 1.1, b: '1.10' } })
  })
})

describe('names of a document are the text as it was written', () => {
  test.each([
    ['012345678901', '012345678901: x'],
    ['1.10', '1.10: x'],
    ['0x1F', '0x1F: x'],
    ['123e4567', '123e4567: x'],
    ['True', 'True: x'],
    ['null', 'null: x'],
    ['~', '~: x'],
    ['1_000', '1_000: x'],
    ['-0', '-0: x'],
    ['2026-01-01', '2026-01-01: x'],
    ['12345678901234567890', '12345678901234567890: x'],
    ['a b', '? a b\n: x'],
    ['1.10', '"1.10": x'],
  ])('%s', async (name, yaml) => {
    expect(await fromFile(z.record(z.string(), z.string()), yaml, 'yaml')).toEqual({ [name]: 'x' })
    const list = z.object({ it: z.array(z.record(z.string(), z.string())) })
    expect(await fromFile(list, `it:\n  - ${yaml.replaceAll('\n', '\n    ')}`, 'yaml')).toEqual({
      it: [{ [name]: 'x' }],
    })
  })

  test('an alias may be a name', async () => {
    expect(await fromFile(z.record(z.string(), z.string()), 'a: &n 1.10\n*n : y', 'yaml')).toEqual({
      a: '1.10',
      '1.10': 'y',
    })
  })

  test.each<[string, DocumentFormat]>([
    ['1: a\n"1": b', 'yaml'],
    ['{a: 1, b: 2, a: 1}', 'yaml'],
    ['it: [{x: 1, x: 2}]', 'yaml'],
    ['True: a\n"True": b', 'yaml'],
    ['{"a": 1, "a": 1}', 'json'],
    ['{"it": [{"x": 1, "\\u0078": 2}]}', 'json'],
  ])('two of one name in one object are reported: %s', async (text, format) => {
    const value = await parseDocument(Buffer.from(text), format)
    expect(value).toBeInstanceOf(Unreadable)
    expect((value as Unreadable).reason).toMatch(/line \d+, column \d+: duplicate key/)
  })

  test('True and true, 1 and 01, 1.0 and 1.00 are different names', async () => {
    const names = ['True', 'true', '1', '01', '1.0', '1.00']
    const yaml = names.map((name) => `${name}: x`).join('\n')
    const value = (await fromFile(z.record(z.string(), z.string()), yaml, 'yaml')) as object
    expect(Object.keys(value).sort()).toEqual(names.sort())
  })
})

describe('an object of a file or a document is never taken for a list', () => {
  const list = z.array(z.string())
  const record = z.record(z.string(), z.string())
  const unions: readonly [string, z.ZodType][] = [
    ['any JSON', z.json()],
    ['a union with a list first', z.union([list, record])],
    ['a union with a set first', z.union([z.set(z.string()), record])],
    ['a union with a tuple first', z.union([z.tuple([z.string()]).rest(z.string()), record])],
    ['a nested union', z.union([z.union([list.optional(), z.number()]), record])],
    ['a nullable union', z.union([list, record]).nullable()],
    ['a lazy union', z.lazy(() => z.union([list, record]))],
  ]
  test('an object of empty objects is none either', async () => {
    const points = z.object({ x: z.number().optional() })
    for (const schema of [
      z.array(points),
      z.set(points),
      z.tuple([points]),
      z.array(z.record(z.string(), z.string())),
    ]) {
      const at = z.object({ it: schema })
      for (const it of [{ a: {} }, { 0: {} }, { 0: { x: {} } }]) {
        const { patch } = staged(at, { layers: [nestedLayer] })
        expect(issuesOf(patch(0, leavesOf({ it })))[0]).toMatchObject({ pathText: 'it' })
        expect(issuesOf(staged(at).patch(0, { '': JSON.stringify({ it }) }))[0]).toMatchObject({
          pathText: 'it',
        })
      }
    }
  })

  const objects = [{ 200: 'ok' }, { 8080: 'a', 8081: 'b' }, { 0: 'x' }, {}, { 0: 'x', 1: 'y', name: 'z' }]

  test.each(unions)('%s', async (_name, schema) => {
    for (const it of objects) {
      const at = z.object({ it: schema })
      const text = JSON.stringify({ it })
      expect(await fromFile(at, text, 'json'), text).toEqual({ it })
      expect(await fromFile(at, text, 'yaml'), text).toEqual({ it })
      expect(fromMemory(at, { it }), text).toEqual({ it })
      expect(fromKeys(at, { '': text }), text).toEqual({ it })
      expect(fromKeys(z.object({ o: at }), { o: text }), text).toEqual({ o: { it } })
      expect(fromKeys(at, { it: JSON.stringify(it) }), text).toEqual({ it })
      expect(fromKeys(z.object({ it: z.array(schema) }), { it: JSON.stringify([it]) }), text).toEqual({
        it: [it],
      })
      expect(fromKeys(z.record(z.string(), schema), { it: JSON.stringify(it) }), text).toEqual({ it })
      expect(fromMemory(z.record(z.string(), schema), { it }), text).toEqual({ it })
    }
  })

  test.each(unions)('%s: a list stays a list', async (name, schema) => {
    const it = ['a', 'b']
    const expected = name.includes('set') ? new Set(it) : it
    const at = z.object({ it: schema })
    expect(await fromFile(at, JSON.stringify({ it }), 'json')).toEqual({ it: expected })
    expect(fromMemory(at, { it })).toEqual({ it: expected })
    expect(fromKeys(at, { '': JSON.stringify({ it }) })).toEqual({ it: expected })
    expect(fromKeys(at, { 'it/0': 'a', 'it/1': 'b' })).toEqual({ it: expected })
  })

  test('an object inside any JSON, at any depth', async () => {
    const it = { 0: { 0: 'a', 1: { 0: 'b' } }, 1: [{ 0: 'c' }, {}, []], 2: {}, 3: [] }
    const schema = z.object({ it: z.json() })
    expect(await fromFile(schema, JSON.stringify({ it }), 'json')).toEqual({ it })
    expect(fromMemory(schema, { it })).toEqual({ it })
    expect(fromKeys(schema, { '': JSON.stringify({ it }) })).toEqual({ it })
    expect(fromKeys(schema, { it: JSON.stringify(it) })).toEqual({ it })
  })

  test('keys of a store over the object of a file leave it an object', () => {
    const { patch } = staged(z.object({ it: z.json() }), { layers: [nestedLayer, storedLayer('base')] })
    patch(0, leavesOf({ it: { 0: 'a' } }))
    expect(acceptedValue(patch(1, { 'it/1': 'b' }))).toEqual({ it: { 0: 'a', 1: 'b' } })
    expect(acceptedValue(patch(0, { 'it/0': undefined }))).toEqual({ it: ['b'] })
  })

  test('a document below keys says nothing of the keys', () => {
    const schema = z.object({
      it: z.union([z.array(z.object({ 0: z.string() })), z.record(z.string(), z.json())]),
    })
    expect(fromKeys(schema, { 'it/0': '{"0": "a"}' })).toEqual({ it: [{ 0: 'a' }] })
  })
})

describe('a time without a zone is UTC', () => {
  test.each([
    ['2026-01-02T03:04:05', '2026-01-02T03:04:05.000Z'],
    ['2026-01-02T03:04', '2026-01-02T03:04:00.000Z'],
    ['2026-01-02 03:04:05.5', '2026-01-02T03:04:05.500Z'],
    ['2026-01-02', '2026-01-02T00:00:00.000Z'],
    ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.000Z'],
    ['2026-01-02T03:04:05+02:00', '2026-01-02T01:04:05.000Z'],
    ['2026-01-02T03:04:05-0230', '2026-01-02T05:34:05.000Z'],
  ])('%s', async (text, iso) => {
    const { TZ } = process.env
    try {
      for (const zone of ['UTC', 'America/New_York', 'Asia/Kolkata', 'Pacific/Kiritimati']) {
        process.env.TZ = zone
        for (const schema of [z.date(), z.coerce.date(), z.union([z.number(), z.date()])]) {
          const at = z.object({ it: schema.transform((date) => new Date(date).toISOString()) })
          expect(fromKeys(at, { it: text }), zone).toEqual({ it: iso })
          expect(await fromFile(at, `it: ${text}`, 'yaml'), zone).toEqual({ it: iso })
          expect(fromKeys(at, { '': JSON.stringify({ it: text }) }), zone).toEqual({ it: iso })
        }
      }
    } finally {
      if (TZ === undefined) delete process.env.TZ
      else process.env.TZ = TZ
    }
  })

  test.each([
    'Jan 2 2026 03:04',
    '1/2/2026',
    '2026-1-2',
    '2026-01-02T03:04:05 PST',
    'tomorrow',
    '2026-02-30',
    '',
  ])('what only the host could place is refused, also by a schema that coerces: %j', (text) => {
    for (const schema of [z.date(), z.coerce.date()])
      expect(issuesOf(staged(z.object({ it: schema })).patch(0, { it: text }))).toMatchObject([
        { pathText: 'it' },
      ])
  })

  test.each(['0', '2020', '20260102', '0755', '1.10', '0x1F', '1767225600000', 'true'])(
    'a number is no date, whether a key, a document or a program has it: %s',
    async (text) => {
      const coerced = z.coerce.date()
      // zod has the first option that takes the number
      for (const schema of [z.date(), coerced, z.array(coerced), z.union([coerced, z.number()])]) {
        const inList = schema instanceof z.ZodArray
        const whole = z.object({ it: schema })
        const written = inList ? `[${text}]` : text
        const given = [written, JSON.parse(inList ? `[${Number(text) || 1}]` : `${Number(text) || 1}`)]
        for (const it of given) expect(issuesOf(staged(whole).patch(0, { it }))).toHaveLength(1)
        const leaves = leavesOf(await parseDocument(Buffer.from(`it: ${written}`), 'yaml'))
        expect(issuesOf(staged(whole, { layers: [nestedLayer] }).patch(0, leaves))).toHaveLength(1)
      }
    },
  )
})

test('an object with an empty name in a file is one issue, whatever else is in it', async () => {
  const schema = z.object({ r: z.record(z.string(), z.string()), n: z.number() })
  for (const text of ['{"r": {"": "x", "a": "y"}, "n": 1}', '{"r": {"a": "y", "": "x"}, "n": 1}']) {
    const leaves = leavesOf(await parseDocument(Buffer.from(text), 'json'))
    expect(issuesOf(staged(schema, { layers: [nestedLayer] }).patch(0, leaves))).toMatchObject([
      { pathText: 'r', message: expect.stringMatching(/a name that is empty/) },
    ])
  }
})

test('a Set of a program is read by the schema as a list is', () => {
  const at = z.object({ it: z.set(z.number()) })
  for (const it of [new Set(['1', 2]), ['1', 2]])
    expect(fromMemory(at, { it })).toEqual({ it: new Set([1, 2]) })
  expect(fromMemory(z.object({ it: z.set(z.string()) }), { it: new Set([1, '1']) })).toEqual({
    it: new Set(['1']),
  })
  const nested = z.object({ it: z.array(z.set(z.union([z.number(), z.string()]))) })
  expect(fromMemory(nested, { it: [new Set([1, '1'])] })).toEqual({ it: [new Set([1, '1'])] })
  const { patch } = staged(z.object({ it: z.array(z.number()) }), { layers: [nestedLayer] })
  expect(issuesOf(patch(0, { it: new Set([1]) }))).toHaveLength(1)
})

describe('a document at the root key is read like any other', () => {
  const shape = z.object({ a: z.number(), list: z.array(z.string()), r: z.record(z.string(), z.string()) })
  const text = '{"r": {"y": "2", "x": "1"}, "list": ["b"], "a": 1.0, "typo": 1}'
  const expected = { a: 1, list: ['b'], r: { x: '1', y: '2' } }

  test.each<[string, z.ZodType]>([
    ['object', shape],
    ['refined', shape.refine(() => true)],
    ['union', z.union([z.object({ z: z.string() }), shape])],
    ['readonly', shape.readonly()],
    ['intersection', z.intersection(shape, z.object({ a: z.number() }))],
  ])('%s', (_name, schema) => {
    const { patch, pipeline } = staged(schema)
    const outcome = patch(0, { '': text })
    expect(acceptedValue(outcome)).toEqual(expected)
    expect(outcome.unused).toMatchObject([{ pathText: 'typo', origin: { key: '/base' } }])
    expect(pipeline.explain('a').layers[0]).toMatchObject({ origin: { key: '/base', layer: 'base' } })
    expect(acceptedValue(patch(1, { '': '{"a": 2}' }))).toEqual({ ...expected, a: 2 })
    expect(acceptedValue(patch(1, { '': undefined, 'r/x': '3' }))).toMatchObject({ r: { x: '3', y: '2' } })
    expect(issuesOf(patch(0, { a: '5' })).map((issue) => issue.code)).toContain('conflict')
    expect(acceptedValue(patch(0, { a: undefined }))).toMatchObject({ a: 1 })
    expect(issuesOf(patch(0, { '': '{"a": ' }))[0]).toMatchObject({
      pathText: '',
      origins: [{ key: '/base' }],
    })
  })

  test.each<[string, z.ZodType, string, unknown]>([
    ['record', z.record(z.string(), z.string()), '{"b": 1, "a": 2}', { a: '2', b: '1' }],
    ['list', z.array(z.number()), '[1, 2]', [1, 2]],
    ['any JSON', z.json(), '{"0": "a"}', { 0: 'a' }],
    ['number', z.number(), '5', 5],
  ])('a root that is a %s', (_name, schema, document, value) => {
    expect(fromKeys(schema, { '': document })).toEqual(value)
  })
})

test('an empty object is no scalar, also where another option of the union has an object there', () => {
  const options = z.union([
    z.object({ value: z.number().optional() }),
    z.object({ value: z.object({ x: z.number() }) }),
  ])
  const schema = z.object({ a: z.record(z.string(), options) })
  const value = { a: { y: { value: {} } } }
  const issues = [
    issuesOf(staged(schema, { layers: [nestedLayer] }).patch(0, leavesOf(value))),
    issuesOf(staged(schema).patch(0, { '': JSON.stringify(value) })),
  ]
  for (const found of issues) expect(found.map(({ pathText }) => pathText)).toEqual(['a.y'])
})
