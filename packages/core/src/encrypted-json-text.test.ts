import { expect, test } from 'vitest'
import * as z from 'zod'
import { loadFrom, material, sealed as envelope } from './encrypted-config.test.kit.ts'
import { isLivetreeError } from './errors.ts'
import { keyring } from './keyring/keyring.ts'
import { secret } from './schema/secret.ts'
import { memory } from './source/memory.ts'

const encrypted = <S extends z.ZodType>(schema: S) => secret(schema, { encrypted: true })
const text = () => encrypted(z.string())

/** What is served, or the codes of the issues. */
async function outcomeOf(v: z.ZodType, value: unknown, plaintext: 'reject' | 'accept' = 'reject') {
  const keys = keyring({ current: material('k1', 1), plaintext })
  try {
    const { config } = await loadFrom(z.object({ v }), { v: JSON.stringify(value) }, { keys })
    await using _ = config
    return { served: (config.current as { v?: unknown }).v }
  } catch (error) {
    if (!isLivetreeError(error)) throw error
    return { codes: [...new Set(error.issues.map(({ code }) => code))] }
  }
}

/** A value in which one part is JSON text; `secretAt`: where the secret stands. */
type Case = readonly [
  name: string,
  schema: z.ZodType,
  secretAt: readonly string[],
  make: (secret: string) => unknown,
]
const json = JSON.stringify
const cases: readonly Case[] = [
  ['a list in an object', z.object({ x: z.array(text()) }), ['x', '0'], (s) => ({ x: json([s]) })],
  ['an object in a list', z.array(z.object({ pw: text() })), ['0', 'pw'], (s) => [json({ pw: s })]],
  ['a list in a list', z.array(z.array(text())), ['0', '0'], (s) => [json([s])]],
  ['a list in an encrypted list', encrypted(z.array(z.array(z.string()))), ['0', '0'], (s) => [json([s])]],
  [
    'an object in a record',
    z.record(z.string(), z.object({ pw: text() })),
    ['a', 'pw'],
    (s) => ({ a: json({ pw: s }) }),
  ],
  [
    'a text in a text',
    z.object({ x: z.object({ y: z.array(text()) }) }),
    ['x', 'y', '0'],
    (s) => ({ x: json({ y: json([s]) }) }),
  ],
  [
    'an option of a union that also takes short text',
    z.union([z.string().max(3), z.array(text())]),
    ['0'],
    (s) => [s],
  ],
  [
    'an option of a union inside',
    z.object({ x: z.union([z.string().max(3), z.array(text())]) }),
    ['x', '0'],
    (s) => ({ x: json([s]) }),
  ],
  [
    'an option that another property tells from one with text',
    z.discriminatedUnion('type', [
      z.object({ type: z.literal('vault'), tokens: z.string() }),
      z.object({ type: z.literal('static'), tokens: z.array(text()) }),
    ]),
    ['tokens', '0'],
    (s) => ({ type: 'static', tokens: json([s]) }),
  ],
  [
    'an item of a tuple beside text',
    z.tuple([z.string(), z.object({ pw: text() })]),
    ['1', 'pw'],
    (s) => ['x', json({ pw: s })],
  ],
  [
    'an option beside anything',
    z.union([
      z.object({ a: z.literal(1), b: z.unknown() }),
      z.object({ a: z.literal(2), b: z.object({ pw: text() }) }),
    ]),
    ['b', 'pw'],
    (s) => ({ a: 2, b: json({ pw: s }) }),
  ],
  ['a map', z.map(z.string(), z.object({ pw: text() })), ['a', 'pw'], (s) => ({ a: json({ pw: s }) })],
  ['a set', z.set(z.object({ pw: text() })), ['0', 'pw'], (s) => [json({ pw: s })]],
  ['a tuple', z.tuple([z.object({ pw: text() })]), ['0', 'pw'], (s) => [json({ pw: s })]],
]

test.each(cases)(
  'JSON text inside a document, %s: the secret in it is opened, and refused in plain',
  async (_, schema, at, make) => {
    const served = await outcomeOf(schema, make('SECRET'), 'accept')
    expect(served).toHaveProperty('served')
    expect(await outcomeOf(schema, make(envelope('k1', 1, ['v', ...at], 'SECRET')))).toEqual(served)
    expect(await outcomeOf(schema, make('SECRET'))).toEqual({ codes: ['not_encrypted'] })
  },
)

test.each<[string, z.ZodType, unknown]>([
  ['a map of objects', z.map(z.string(), z.object({ pw: text() })), [['k', { pw: 'SECRET' }]]],
  ['a map of secrets', z.map(z.string(), text()), [['k', 'SECRET']]],
  [
    'a map in an object',
    z.object({ m: z.map(z.string(), z.object({ pw: text() })) }),
    { m: [['k', { pw: 'SECRET' }]] },
  ],
  [
    'a map in text',
    z.object({ m: z.map(z.string(), z.object({ pw: text() })) }),
    { m: json([['k', { pw: 'SECRET' }]]) },
  ],
  ['a map in a map', z.map(z.string(), z.map(z.string(), text())), { a: [['k', 'SECRET']] }],
  [
    'an option',
    z.union([z.object({ x: z.string() }), z.map(z.string(), z.object({ pw: text() }))]),
    [['k', { pw: 'SECRET' }]],
  ],
])(
  'pairs of a map have no names that an envelope is bound to, and are refused: %s',
  async (_, schema, value) => {
    for (const policy of ['reject', 'accept'] as const)
      expect(await outcomeOf(schema, value, policy)).toEqual({ codes: ['not_encrypted'] })
  },
)

test('a text that may be meant as text stays one where nothing in it would be encrypted', async () => {
  const schema = z.tuple([z.string(), z.object({ pw: text() })])
  const pw = envelope('k1', 1, ['v', '1', 'pw'], 'SECRET')
  for (const own of ['["a"]', '{"a":"b"}', '[', '{}'])
    expect(await outcomeOf(schema, [own, { pw }])).toMatchObject({ served: [own, {}] })
})

class Account {
  readonly pw = 'SECRET'
}

test.each<[string, z.ZodType, object]>([
  ['a set', z.set(text()), new Set(['SECRET'])],
  ['a map', z.map(z.string(), text()), new Map([['a', 'SECRET']])],
  ['an instance', z.object({ pw: text() }), new Account()],
  ['a set in a list', z.array(z.set(text())), [new Set(['SECRET'])]],
  ['a set in an encrypted list', encrypted(z.array(z.set(z.string()))), [new Set(['SECRET'])]],
])('what a program gives is not looked into, and takes in no plain secrets: %s', async (_, schema, v) => {
  const keys = keyring({ current: material('k1', 1) })
  const loading = loadFrom(z.object({ v: schema }), {}, { keys, sources: [memory({ v })] })
  await expect(loading).rejects.toMatchObject({ issues: [{ code: 'not_encrypted' }] })
})
