import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { LivetreeError } from '../errors.ts'
import type { Path } from '../issue.ts'
import { secret } from '../schema/secret.ts'
import { type WriteOptions, writeValue } from './write-value.ts'

const server = z.object({ hostName: z.string(), port: z.number().optional() })
const checkout = defineConfig({
  name: 'checkout',
  naming: 'kebab-case',
  schema: z.object({
    maxSize: z.number().int().min(1).default(5),
    when: z.date().optional(),
    big: z.bigint().optional(),
    flag: z.stringbool().optional(),
    literal: z.literal([1, '1']).optional(),
    bytes: z.instanceof(Uint8Array).optional(),
    servers: z.array(server).optional(),
    byName: z.record(z.string(), server).optional(),
    quota: z.record(z.string(), z.number()),
    empty: z.object({ a: z.number().optional() }).optional(),
    note: z.string().nullable().optional(),
    notes: z.record(z.string(), z.string().nullable()).optional(),
    either: z.union([z.string(), z.number()]).optional(),
    eithers: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
    store: z
      .discriminatedUnion('kind', [
        z.object({ kind: z.literal('disk'), path: z.string() }),
        z.object({ kind: z.literal('none') }),
      ])
      .optional(),
    url: z
      .codec(z.string(), z.instanceof(URL), { decode: (href) => new URL(href), encode: (url) => url.href })
      .optional(),
    bad: z
      .codec(z.string(), z.number(), {
        decode: Number,
        encode: (value): string => {
          throw new Error(`cannot say ${value}`)
        },
      })
      .optional(),
    length: z
      .string()
      .transform((text) => text.length)
      .optional(),
    lower: z
      .string()
      .transform((text) => text.toLowerCase())
      .optional(),
    any: z.any(),
    json: z.json().optional(),
    password: secret(z.string().min(8)).optional(),
    level: secret(z.enum(['hunter2', 'other'])).optional(),
  }),
})

const written = (path: string | Path, value: unknown, options?: WriteOptions) =>
  Object.fromEntries(writeValue(checkout, path, value, options).map(({ key, text }) => [key, text]))

test.each<[string, unknown, Record<string, string>]>([
  ['maxSize', 20, { 'max-size': '20' }],
  ['when', new Date(0), { when: '1970-01-01T00:00:00.000Z' }],
  ['big', 2n ** 70n, { big: '1180591620717411303424' }],
  ['flag', false, { flag: 'false' }],
  ['literal', '1', { literal: '1' }],
  ['bytes', Buffer.from('hi'), { bytes: 'aGk=' }],
  ['servers', [{ hostName: 'a' }], { servers: '[{"host-name":"a"}]' }],
  ['servers', [], { servers: '[]' }],
  [
    'byName',
    { 'a/b': { hostName: 'x', port: 1 } },
    { 'by-name/a%2Fb/host-name': 'x', 'by-name/a%2Fb/port': '1' },
  ],
  ['byName.a/b.port', undefined, {}],
  ['quota', {}, {}],
  ['empty', {}, { empty: '{}' }],
  ['note', null, { note: 'null' }],
  ['either', '5', { either: '5' }],
  ['store', { kind: 'disk', path: '/x' }, { 'store/kind': 'disk', 'store/path': '/x' }],
  ['url', new URL('http://x/'), { url: 'http://x/' }],
  ['lower', 'abc', { lower: 'abc' }],
  ['any', { a: 'x' }, { 'any/a': 'x' }],
  ['json', '5', { json: '"5"' }],
  ['json', [1, null], { json: '[1,null]' }],
  ['json.a', 'x', { 'json/a': 'x' }],
])('writeValue: %s = %o', (path, value, expected) => {
  expect(written(path, value)).toEqual(expected)
})

test('writeValue: a list is written with a key for each item where that form is asked for', () => {
  const form = (path: Path) => (path.at(-1) === 'servers' ? ('children' as const) : undefined)
  expect(written('servers', [{ hostName: 'a' }, { hostName: 'b' }], { form })).toEqual({
    'servers/0/host-name': 'a',
    'servers/1/host-name': 'b',
  })
})

test('writeValue: an object is written as one document where that form is asked for', () => {
  expect(written('byName', { a: { hostName: 'x' } }, { form: 'document' })).toEqual({
    'by-name': '{"a":{"host-name":"x"}}',
  })
})

test('writeValue: a part that no key of its own is read as makes a document of what holds it', () => {
  expect(written('notes', { a: 'null', b: null })).toEqual({ notes: '{"a":"null","b":null}' })
  expect(written('notes', { '': 'x' })).toEqual({ notes: '{"":"x"}' })
  expect(written('eithers', { a: 5, b: '5' })).toEqual({ eithers: '{"a":5,"b":"5"}' })
})

test.each<[string, unknown, string, RegExp]>([
  ['maxSize', 'x', 'invalid_value', /maxSize: expected number, received string/],
  ['maxSize', 0, 'invalid_value', /maxSize: Too small/],
  ['maxSize', Number.NaN, 'invalid_value', /expected number, received NaN/],
  ['maxSize', undefined, 'unwritable_value', /another value in its place, such as a default/],
  ['maxSize', Symbol('x'), 'invalid_value', /expected number, received symbol/],
  ['when', new Date(8e15), 'unwritable_value', /only the years 0000 to 9999/],
  ['when', new Date(Number.NaN), 'invalid_value', /expected date/],
  ['big', 10n ** 10_000n, 'unwritable_value', /more than 10,000 digits/],
  ['literal', 1, 'unwritable_value', /prints like another/],
  ['literal', 2, 'invalid_value', /expected 1 \| "1"/],
  ['servers', [{ hostName: 5 }], 'invalid_value', /servers\.0\.hostName: expected string, received number/],
  ['servers', [undefined], 'unwritable_value', /servers\.0: a missing part/],
  ['byName', new Map(), 'invalid_value', /expected object, received Map/],
  ['empty', { nope: 1 }, 'invalid_value', /empty\.nope: the schema has no such property/],
  ['note', 'null', 'unwritable_value', /"null" is read as null/],
  ['note', 'half \ud800', 'unwritable_value', /surrogate pair/],
  ['either', 5, 'unwritable_value', /another option of the union/],
  ['store', { kind: 'tape' }, 'invalid_value', /no option of the union/],
  ['store', { kind: 'disk' }, 'invalid_value', /store/],
  ['bad', 5, 'unwritable_value', /bad: the `encode` of its codec threw$/],
  ['length', 3, 'unwritable_value', /length: a one-way transform/],
  ['lower', 'ABC', 'unwritable_value', /lower: a one-way transform/],
  ['json', JSON.parse('{"__proto__":1}'), 'unwritable_value', /name __proto__/],
  ['quota', JSON.parse('{"__proto__":1}'), 'unwritable_value', /__proto__/],
  ['any', 5, 'unwritable_value', /any: no key's text is read as number/],
  ['any', Symbol('x'), 'unwritable_value', /read as symbol/],
  ['', { any: 'x', quota: {} }, 'unwritable_value', /maxSize: it is not given/],
  ['nope', 1, 'invalid_path', /nothing at "nope"/],
  ['maxsize', 1, 'invalid_path', /Did you mean "maxSize"\?/],
])('writeValue: refuses %s = %o with %s', (path, value, code, message) => {
  const error = refusal(path, value)
  expect(error.code).toBe(code)
  expect(error.message).toMatch(message)
})

test('writeValue: refuses a value that holds itself, and one whose getter throws', () => {
  const cycle: Record<string, unknown> = {}
  cycle['a'] = cycle
  expect(refusal('any', cycle).message).toMatch(/inside itself/)
  const throwing = Object.defineProperty({}, 'a', { enumerable: true, get: () => raise() })
  expect(refusal('any', throwing).message).toMatch(/throws when it is read/)
  const item = Object.defineProperty([1], 0, { get: () => raise() })
  expect(refusal('json', item).message).toMatch(/throws when it is read/)
  const proxy = new Proxy({}, { ownKeys: () => raise() })
  expect(refusal('byName', proxy).message).toMatch(/throws when it is read/)
})

test.each([undefined, null, 5, {}, [{}], [Symbol('x')]])('writeValue: refuses %o for a path', (path) => {
  expect(refusal(path as never, 1).message).toMatch(/\[invalid_path\] Expected a path/)
})

test('writeValue: takes a map of many dates, and a deep recursive union, in a moment', () => {
  const option = (name: string) => z.object({ below: z.lazy(() => union), [name]: z.number() })
  const union: z.ZodType = z.union([z.string(), option('a'), option('b'), option('c')])
  const own = defineConfig({ name: 'x', schema: z.object({ union, dates: z.map(z.date(), z.number()) }) })
  let deep: unknown = 'end'
  for (let depth = 0; depth < 40; depth++) deep = { below: deep, c: depth }
  expect(writeValue(own, 'union', deep)).toHaveLength(41)
  const dates = new Map(Array.from({ length: 20_000 }, (_, time) => [new Date(time), time]))
  expect(writeValue(own, 'dates', dates)).toHaveLength(20_000)
})

test.each([
  ['password', 'hunter2'],
  ['password', { text: 'hunter2' }],
  ['level', 'hunter22'],
  ['level', 5],
])('writeValue: a refusal of secret %s says nothing of values', (path, value) => {
  const error = refusal(path, value)
  expect(error.code).toBe('invalid_value')
  expect(JSON.stringify([error, error.message])).not.toMatch(/hunter2/)
})

function refusal(path: string, value: unknown): LivetreeError {
  try {
    written(path, value)
  } catch (error) {
    if (error instanceof LivetreeError) return error
    throw error
  }
  return expect.fail('it was written')
}

function raise(): never {
  throw new Error('no')
}

test.each([
  [{ frm: 'document' }, 'writeValue() has no option "frm"'],
  [{ form: 'child' }, "writeValue() got form = \"child\"; expected 'children', 'document' or a function"],
  [null, 'writeValue() got null; expected an object of options'],
])('writeValue: refuses options %o', (options, message) => {
  const definition = defineConfig({ name: 'x', schema: z.object({ a: z.string() }) })
  expect(() => writeValue(definition, 'a', 'x', options as WriteOptions)).toThrow(
    `[invalid_options] ${message}`,
  )
})

test.each([1e21, -1e21, 1.5e300, [1e21, 1e-7], { a: { b: 1e300 } }])(
  'writeValue: z.json() has numbers that print with an exponent: %o',
  (value) => {
    const definition = defineConfig({ name: 'x', schema: z.object({ a: z.json() }) })
    expect(writeValue(definition, 'a', value)).toEqual([
      { path: ['a'], key: 'a', text: JSON.stringify(value) },
    ])
  },
)

test('writeValue: a union says that an item is missing which its tuple may lack, and no text can', () => {
  const pair = z.tuple([z.number().optional(), z.string()])
  const definition = defineConfig({ name: 'x', schema: z.object({ a: z.union([z.number(), pair]) }) })
  const missing = { code: 'unwritable_value', issues: [expect.objectContaining({ pathText: 'a.0' })] }
  expect(() => writeValue(definition, 'a', [undefined, 'x'])).toThrow(expect.objectContaining(missing))
})
