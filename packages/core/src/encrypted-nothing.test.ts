import { expect, test } from 'vitest'
import * as z from 'zod'
import { BASE, loadFrom, material, sealed as envelope } from './encrypted-config.test.kit.ts'
import { isLivetreeError } from './errors.ts'
import { keyring } from './keyring/keyring.ts'
import { sealed } from './schema/sealed.ts'
import { secret } from './schema/secret.ts'

const encrypted = <S extends z.ZodType>(schema: S) => secret(schema, { encrypted: true })
const REMOVE = 'livetree:remove'
const EMPTY = 'livetree:empty'
const ring = (plaintext: 'reject' | 'accept' = 'reject') => keyring({ current: material('k1', 1), plaintext })
const text = () => encrypted(z.string())
const role = () => z.object({ role: z.string().default('admin'), pw: z.string().optional() })

/** What is served, or the codes of the issues. */
async function outcomeOf(v: z.ZodType, values: Readonly<Record<string, string>>, plaintext?: 'accept') {
  try {
    const { config } = await loadFrom(z.object({ v }), values, { keys: ring(plaintext) })
    await using _ = config
    return { served: (config.current as { v?: unknown }).v }
  } catch (error) {
    if (!isLivetreeError(error)) throw error
    return { codes: [...new Set(error.issues.map(({ code }) => code))] }
  }
}
const REFUSED = { codes: ['not_encrypted'] }

test.each<[string, z.ZodType, unknown]>([
  ['a list', encrypted(z.array(z.string())), ['C']],
  ['a list of secrets', z.array(text()), ['C']],
  ['a list of objects', z.array(z.object({ token: text(), who: z.string() })), [{ token: 'C', who: 'x' }]],
  ['a set', encrypted(z.set(z.string())), ['C']],
  ['a set of secrets', z.set(text()), ['C']],
  ['a tuple', z.tuple([z.string(), text()]), ['a', 'C']],
  ['a list of lists', z.array(z.array(text())), [['C']]],
  ['pairs', z.array(z.tuple([z.string(), text()])), [['a', 'C']]],
  ['the pairs of a map', z.map(z.string(), text()), [['a', 'C']]],
  ['a list in a record', z.record(z.string(), z.array(text())), { a: ['C'] }],
  ['a list in an object', z.object({ a: z.array(text()) }), { a: ['C'] }],
  ['anything', encrypted(z.unknown()), ['C']],
  ['any JSON', encrypted(z.json()), { a: ['C'] }],
  ['a list that may be a text', z.union([text(), z.array(text())]), ['C']],
  ['a list behind lazy', z.lazy(() => z.array(text())), ['C']],
  ['a list of sealed ones', z.array(sealed(z.string(), { encrypted: true })), ['C']],
])('the words that hide lower layers are plain text inside %s', async (_name, v, value) => {
  for (const word of [REMOVE, EMPTY, `${REMOVE}\n`]) {
    const written = JSON.stringify(value).replace('"C"', JSON.stringify(word))
    expect(await outcomeOf(v, { v: written }), word).toEqual(REFUSED)
  }
})

test.each<[string, z.ZodType, Readonly<Record<string, string>>, unknown]>([
  ['a key', text().optional(), { v: REMOVE }, undefined],
  ['a property of a document', z.object({ a: text().optional() }), { v: JSON.stringify({ a: REMOVE }) }, {}],
  ['an entry', z.record(z.string(), text()), { v: JSON.stringify({ a: REMOVE }) }, {}],
  ['an encrypted record', encrypted(z.record(z.string(), role())), { v: EMPTY }, {}],
  [
    'a key below',
    encrypted(z.record(z.string(), z.string())),
    { 'v/a': REMOVE, 'v/b': envelope('k1', 1, ['v', 'b'], 'x') },
    { b: 'x' },
  ],
])('the words need no envelope where they hide lower layers: %s', async (_name, v, values, served) => {
  expect(await outcomeOf(v, values)).toEqual({ served })
})

test.each<[string, z.ZodType, (empty: string) => Readonly<Record<string, string>>]>([
  ['a key', encrypted(z.union([z.string(), role()])), (v) => ({ v })],
  ['a list or a text', encrypted(z.union([z.array(z.string()), z.string()])), (v) => ({ v })],
  ['a union of which one option is encrypted', z.union([text(), z.array(z.string())]), (v) => ({ v })],
  ['anything', encrypted(z.unknown()), (v) => ({ v })],
  ['what an own function reads', encrypted(z.preprocess((v) => v, z.any())), (v) => ({ v })],
  [
    'text beside anything',
    z.intersection(z.looseObject({}), z.object({ a: text() })),
    (a) => ({ v: JSON.stringify({ a }) }),
  ],
  [
    'a property of a document',
    z.object({ t: encrypted(z.union([z.string(), z.array(z.string())])) }),
    (t) => ({ v: JSON.stringify({ t }) }),
  ],
  [
    'an item of a list',
    z.array(encrypted(z.union([z.string(), z.array(z.string())]))),
    (t) => ({ v: JSON.stringify([t]) }),
  ],
])(
  'the text of an empty list or object needs an envelope where it may be meant as text: %s',
  async (_name, v, valuesOf) => {
    for (const empty of ['{}', '[]', ' {\n} ', '[ ]'])
      expect(await outcomeOf(v, valuesOf(empty)), empty).toEqual(REFUSED)
  },
)

test.each<[string, z.ZodType, Readonly<Record<string, string>>]>([
  ['any JSON, of which a document has text', z.object({ q: encrypted(z.json()) }), { v: '{"q":"{ }"}' }],
  ['an item that is any JSON', z.array(encrypted(z.json())), { v: '["[]"]' }],
  ['a literal', encrypted(z.literal('{}')), { v: '{}' }],
  ['a literal or a list', encrypted(z.union([z.literal('[]'), z.array(z.string())])), { v: '[]' }],
  ['an enum', encrypted(z.enum(['[]', 'x'])), { v: '[]' }],
  ['what is coerced', encrypted(z.union([z.coerce.string(), z.array(z.string())])), { v: EMPTY }],
  ['a list that is coerced', z.object({ q: encrypted(z.coerce.string()) }), { v: '{"q":[]}' }],
])('what looks empty and may be read as more needs an envelope: %s', async (_name, v, values) => {
  expect(await outcomeOf(v, values)).toEqual(REFUSED)
})

test.each<[string, z.ZodType, Readonly<Record<string, string>>, unknown]>([
  ['any JSON', encrypted(z.json()), { v: '{}' }, {}],
  [
    'a number or an object',
    encrypted(z.union([z.number(), z.object({ a: z.string().optional() })])),
    { v: '{}' },
    {},
  ],
  ['a list', encrypted(z.array(z.string())), { v: ' [ ]' }, []],
  ['an emptied record', encrypted(z.record(z.string(), z.string())), { v: EMPTY }, {}],
])('what is empty and can be nothing else needs none: %s', async (_name, v, values, served) => {
  expect(await outcomeOf(v, values)).toEqual({ served })
})

const users = () => encrypted(z.record(z.string(), role()))
test.each<[string, z.ZodType, Readonly<Record<string, string>>]>([
  ['an entry of a document', users(), { v: '{"mallory":{}}' }],
  ['an entry of its own', users(), { 'v/mallory': '{}' }],
  ['an entry that is emptied', users(), { 'v/mallory': EMPTY }],
  ['an entry that is emptied in a document', users(), { v: JSON.stringify({ mallory: EMPTY }) }],
  ['an entry of which a part is taken away', users(), { 'v/mallory': JSON.stringify({ pw: REMOVE }) }],
  ['an entry of which a part is emptied', users(), { 'v/mallory/pw': EMPTY }],
  ['an entry with a name nobody knows', users(), { v: '{"mallory":{"bogus":"x"}}' }],
  ['an entry with a key nobody knows', users(), { 'v/mallory/bogus': 'x' }],
  ['an entry with an object nobody knows', users(), { v: '{"mallory":{"bogus":{}}}' }],
  ['an entry with an object of its own nobody knows', users(), { 'v/mallory/bogus': '{}' }],
  ['an entry with an envelope nobody made', users(), { 'v/mallory/bogus': 'livetree:encrypted:1:k1:AAAA' }],
  ['an entry with a name that is not held', users(), { v: '{"mallory":{"__proto__":1}}' }],
  ['an entry of its own with one', users(), { 'v/mallory': '{"__proto__":1}' }],
  ['items', encrypted(z.array(role())), { v: '[{},{}]' }],
  ['items of keys', encrypted(z.array(role())), { 'v/0': '{}' }],
  ['a map', encrypted(z.map(z.string(), role())), { v: '{"mallory":{}}' }],
  ['pairs of a map', encrypted(z.map(z.string(), role())), { v: '[["mallory",{}]]' }],
  ['a list in a record', encrypted(z.record(z.string(), z.array(z.string()))), { v: '{"mallory":[]}' }],
  ['a list of its own', encrypted(z.record(z.string(), z.array(z.string()))), { 'v/mallory': '[]' }],
  ['an optional object', encrypted(z.object({ a: role().optional() })), { v: '{"a":{}}' }],
  ['anything', encrypted(z.record(z.string(), z.unknown())), { v: '{"mallory":{}}' }],
  [
    'behind a transform',
    encrypted(
      z.record(
        z.string(),
        z.object({}).transform(() => 'x'),
      ),
    ),
    { v: '{"m":{}}' },
  ],
  [
    'inside a list in an object',
    z.object({ l: encrypted(z.array(z.array(z.string()))) }),
    { v: '{"l":[[]]}' },
  ],
  ['a loose object', encrypted(z.looseObject({})), { v: '{"a":{}}' }],
])('what is empty is plain text below an encrypted place: %s', async (_name, v, values) => {
  const outcome = await outcomeOf(v, values)
  expect(outcome.codes, JSON.stringify(outcome)).toBeDefined()
  expect(['not_encrypted', 'envelope_damaged']).toContain(outcome.codes?.[0])
  expect(outcome.codes).toHaveLength(1)
  if (outcome.codes?.[0] === 'not_encrypted')
    expect(await outcomeOf(v, values, 'accept')).toHaveProperty('served')
})

test.each<[string, z.ZodType, Readonly<Record<string, string>>, unknown]>([
  ['an object', encrypted(role()), { v: '{}' }, { role: 'admin' }],
  ['a record', users(), { v: '{}' }, {}],
  ['a list', encrypted(z.array(z.string())), { v: '[]' }, []],
  ['an entry', z.record(z.string(), encrypted(role())), { v: '{"a":{}}' }, { a: { role: 'admin' } }],
  ['a list in a document', z.object({ l: encrypted(z.array(z.string())) }), { v: '{"l":[]}' }, { l: [] }],
])('what is empty needs no envelope where it is the whole place: %s', async (_name, v, values, served) => {
  expect(await outcomeOf(v, values)).toEqual({ served })
})

test('an empty part in an envelope of its own, or of the whole, is served', async () => {
  const served = { served: { a: { role: 'admin' } } }
  expect(await outcomeOf(users(), { 'v/a': envelope('k1', 1, ['v', 'a'], '{}') })).toEqual(served)
  expect(await outcomeOf(users(), { v: envelope('k1', 1, ['v'], '{"a":{}}') })).toEqual(served)
  const part = JSON.stringify({ a: envelope('k1', 1, ['v', 'a'], '{}') })
  expect(await outcomeOf(users(), { v: part })).toEqual(served)
})

test('a part that this version does not know holds nothing back where it is an envelope', async () => {
  const values = {
    'v/a/pw': envelope('k1', 1, ['v', 'a', 'pw'], 'x'),
    'v/a/new': envelope('k1', 1, ['v', 'a', 'new'], 'y'),
  }
  expect(await outcomeOf(users(), values)).toEqual({ served: { a: { role: 'admin', pw: 'x' } } })
})

test('what is hidden by a higher layer, or taken away, is no fault', async () => {
  const prod = { ...BASE, name: 'etcd:/app/prod', keyPrefix: '/app/prod/', documentKey: '/app/prod' }
  for (const [key, value] of [
    ['v/mallory/bogus', 'x'],
    ['v/mallory', '{"bogus":[]}'],
  ] as const) {
    const { config, put } = await loadFrom(
      z.object({ v: users().optional(), n: z.number().default(0) }),
      {},
      { keys: ring(), layers: [BASE, prod] },
    )
    await using _ = config
    await put(8, key, value)
    expect(config.status.rejected?.issues).toMatchObject([{ code: 'not_encrypted' }])
    await put(9, 'v/mallory', REMOVE, 1)
    expect(config.status.rejected).toBeUndefined()
    await put(10, 'v/mallory', undefined, 1)
    expect(config.status.rejected).toBeDefined()
    await put(11, key, undefined)
    expect(config.status.rejected).toBeUndefined()
  }
})
