import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from './define-config.ts'
import { describeIssue, isLivetreeError } from './errors.ts'
import { sealed as sealedSchema } from './schema/sealed.ts'
import { secret } from './schema/secret.ts'
import { env } from './source/env.ts'
import { memory } from './source/memory.ts'
import { createTestConfig } from './testing/create-test-config.ts'
import { BASE, keyNumber, loadFrom, material, sealed } from './encrypted-config.test.kit.ts'
import { keyring } from './keyring/keyring.ts'

const encrypted = <S extends z.ZodType>(schema: S) => secret(schema, { encrypted: true })
const schema = z.object({
  port: z.number().default(80),
  db: z.object({ password: encrypted(z.string()), note: z.string().default('') }),
})
const ring = (plaintext: 'reject' | 'accept' = 'reject') =>
  keyring({ current: material('k1', 1), previous: material('k0', 0), plaintext })
const password = (text: string) => sealed('k1', 1, ['db', 'password'], text)

/** The issues with which the tree is refused. */
async function issuesOf(
  values: Record<string, string>,
  options: Parameters<typeof loadFrom>[2] = {},
  of: z.ZodType = schema,
) {
  try {
    const { config } = await loadFrom(of, values, options)
    await config.close()
    return []
  } catch (error) {
    if (!isLivetreeError(error)) throw error
    expect(error.code).toBe('invalid_config')
    return error.issues
  }
}

describe('an encrypted leaf', () => {
  test('is served opened, and is the same after it was encrypted again', async () => {
    const { config, put } = await loadFrom(schema, { 'db/password': password('hunter2') }, { keys: ring() })
    await using _ = config
    expect(config.current.db.password).toBe('hunter2')
    const { db } = config.current
    const changes: unknown[] = []
    config.on('change', (change) => changes.push(change))
    await put(8, 'db/password', sealed('k0', 0, ['db', 'password'], 'hunter2'))
    expect(config.current.db).toBe(db)
    expect(config.revision).toBe(8)
    expect(changes).toEqual([])
    expect(config.explain('db.password').layers).toMatchObject([{ value: '[secret]', encryptedWith: 'k0' }])
    await put(9, 'db/password', password('other'))
    expect(config.current.db.password).toBe('other')
    expect(changes).toHaveLength(1)
  })

  test.each<[string, string, string, RegExp]>([
    [
      'of a key that is not there',
      sealed('k9', 1, ['db', 'password'], 'x'),
      'key_missing',
      /"k9".*has "k1", "k0"/,
    ],
    [
      'of another key of the id',
      sealed('k1', 5, ['db', 'password'], 'x'),
      'envelope_damaged',
      /does not open/,
    ],
    ['of another place', sealed('k1', 1, ['db', 'note'], 'x'), 'envelope_damaged', /moved here/],
    ['altered', `${password('x').slice(0, -3)}AAA`, 'envelope_damaged', /does not open|not written as/],
    ['with a line feed', `${password('x')}\n`, 'envelope_damaged', /line feed/],
    ['plain', 'hunter2', 'not_encrypted', /plain text/],
    ['empty', '', 'not_encrypted', /plain text/],
  ])('%s is refused, with what it is and nothing of it', async (_name, text, code, message) => {
    const issues = await issuesOf({ 'db/password': text }, { keys: ring() })
    expect(issues).toMatchObject([{ code, pathText: 'db.password', message: expect.stringMatching(message) }])
    expect(issues.map(describeIssue).join()).not.toContain('hunter2')
  })

  test('without keys it is refused, with keys that accept it plain text is served', async () => {
    expect(await issuesOf({ 'db/password': password('x') })).toMatchObject([
      { code: 'key_missing', message: expect.stringContaining('no keys were given') },
    ])
    const { config } = await loadFrom(schema, { 'db/password': 'plain' }, { keys: ring('accept') })
    await using _ = config
    expect(config.current.db.password).toBe('plain')
  })

  test('an envelope where the schema does not ask for one is refused, not served', async () => {
    const values = { 'db/password': password('x'), 'db/note': password('x') }
    expect(await issuesOf(values, { keys: ring() })).toMatchObject([{ code: 'not_marked_encrypted' }])
    expect(await issuesOf({ a: password('x') }, {}, z.object({ a: z.string() }))).toMatchObject([
      { code: 'not_marked_encrypted', pathText: 'a' },
    ])
  })

  test.each<[string, z.ZodType, unknown]>([
    ['a list', z.array(z.string()), ['E']],
    ['a list of secrets', z.array(secret(z.string())), ['x', 'E']],
    ['a set', z.set(z.string()), ['E']],
    ['a tuple', z.tuple([z.string(), z.string()]), ['x', 'E']],
    ['a list of objects', z.array(z.object({ p: z.string() })), [{ p: 'E' }]],
    ['an object', z.object({ p: z.string() }), { p: 'E' }],
    ['a record', z.record(z.string(), z.string()), { p: 'E' }],
    ['a map', z.map(z.string(), z.string()), { p: 'E' }],
    ['anything', z.unknown(), { p: ['E'] }],
    ['any JSON', z.json(), { p: { q: 'E' } }],
    ['a text or an object', z.union([z.string(), z.object({ p: z.string() })]), { p: 'E' }],
  ])('an envelope inside %s that asks for none is refused, not served', async (_name, v, value) => {
    const written = JSON.stringify(value).replace('"E"', JSON.stringify(sealed('k1', 1, ['v'], 'x')))
    const other = { w: encrypted(z.string()).optional() }
    for (const of of [z.object({ v }), z.object({ v, ...other })]) {
      const issues = await issuesOf({ v: written }, { keys: ring() }, of)
      expect(issues.map(({ code }) => code)).toContain('not_marked_encrypted')
      const typed = memory({ v: JSON.parse(written) as object })
      await expect(
        defineConfig({ name: 'shop', schema: of }).load({ sources: [typed], keys: ring(), logger: false }),
      ).rejects.toMatchObject({ issues: [{ code: 'not_marked_encrypted' }] })
    }
  })

  test('a text that names an envelope is a text where nothing else can be meant', async () => {
    const text = JSON.stringify([sealed('k1', 1, ['v'], 'x')])
    const { config } = await loadFrom(z.object({ v: z.string() }), { v: text }, { keys: ring() })
    await using _ = config
    expect(config.current.v).toBe(text)
  })

  test('while a bad one is there the last good one stays, and it heals', async () => {
    const { config, put } = await loadFrom(schema, { 'db/password': password('good') }, { keys: ring() })
    await using _ = config
    await put(8, 'db/password', 'plain')
    expect(config.current.db.password).toBe('good')
    expect(config.status.rejected?.issues).toMatchObject([{ code: 'not_encrypted' }])
    await put(9, 'db/password', password('good'))
    expect(config.status.rejected).toBeUndefined()
  })
})

describe('what may be encrypted', () => {
  test.each<[string, z.ZodType, Record<string, string>, unknown]>([
    ['an empty text', encrypted(z.string()), { v: sealed('k1', 1, ['v'], '') }, ''],
    ['a number', encrypted(z.number()), { v: sealed('k1', 1, ['v'], '42') }, 42],
    [
      'an object as a document',
      encrypted(z.object({ a: z.number(), b: z.string() })),
      { v: sealed('k1', 1, ['v'], '{"a": 1, "b": "x"}') },
      { a: 1, b: 'x' },
    ],
    [
      'an object key by key',
      encrypted(z.object({ a: z.number(), b: z.string() })),
      { 'v/a': sealed('k1', 1, ['v', 'a'], '1'), 'v/b': sealed('k1', 1, ['v', 'b'], 'x') },
      { a: 1, b: 'x' },
    ],
    [
      'a part of a document',
      z.object({ a: encrypted(z.number()), b: z.string() }),
      { v: JSON.stringify({ a: sealed('k1', 1, ['v', 'a'], '1'), b: 'x' }) },
      { a: 1, b: 'x' },
    ],
    [
      'a part of an object that may be a text too',
      z.union([z.string(), z.object({ a: encrypted(z.number()) })]),
      { v: JSON.stringify({ a: sealed('k1', 1, ['v', 'a'], '1') }) },
      { a: 1 },
    ],
    [
      'entries of a record',
      z.record(z.string(), encrypted(z.string())),
      { 'v/x': sealed('k1', 1, ['v', 'x'], '1'), 'v/y': sealed('k1', 1, ['v', 'y'], '2') },
      { x: '1', y: '2' },
    ],
    [
      'a list as a whole',
      encrypted(z.array(z.string())),
      { v: sealed('k1', 1, ['v'], '["a","b"]') },
      ['a', 'b'],
    ],
    [
      'items, numbered',
      z.array(encrypted(z.string())),
      { 'v/0': sealed('k1', 1, ['v', '0'], 'a'), 'v/1': sealed('k1', 1, ['v', '1'], 'b') },
      ['a', 'b'],
    ],
    [
      'items of a document',
      z.array(encrypted(z.string())),
      { v: JSON.stringify([sealed('k1', 1, ['v', '0'], 'a')]) },
      ['a'],
    ],
    [
      'parts of items',
      z.array(z.object({ n: z.number(), p: encrypted(z.string()) })),
      { v: JSON.stringify([{ n: 1, p: sealed('k1', 1, ['v', '0', 'p'], 'a') }]) },
      [{ n: 1, p: 'a' }],
    ],
    ['a union', z.union([encrypted(z.number()), z.string()]), { v: sealed('k1', 1, ['v'], '7') }, 7],
    [
      'an option of a union',
      z.discriminatedUnion('t', [
        z.object({ t: z.literal('a'), p: encrypted(z.string()) }),
        z.object({ t: z.literal('b') }),
      ]),
      { 'v/t': 'a', 'v/p': sealed('k1', 1, ['v', 'p'], 'x') },
      { t: 'a', p: 'x' },
    ],
    ['anything', encrypted(z.any()), { v: sealed('k1', 1, ['v'], '{"a"') }, '{"a"'],
    [
      'behind a transform',
      z.string().transform(Number).pipe(encrypted(z.number())),
      { v: sealed('k1', 1, ['v'], '7') },
      7,
    ],
    ['optional, and absent', encrypted(z.string()).optional(), {}, undefined],
    ['with a default', encrypted(z.string()).default('d'), {}, 'd'],
    [
      'text that looks like an envelope',
      encrypted(z.string()),
      { v: sealed('k1', 1, ['v'], 'livetree:encrypted:1:k1:AAAA') },
      'livetree:encrypted:1:k1:AAAA',
    ],
  ])('%s', async (_name, v, values, expected) => {
    const { config } = await loadFrom(z.object({ v }), values, { keys: ring() })
    await using _ = config
    expect((config.current as { v?: unknown }).v).toEqual(expected)
  })

  test.each<[string, z.ZodType, Record<string, string>]>([
    ['a key below an encrypted object', encrypted(z.object({ a: z.string() })), { 'v/a': 'x' }],
    ['a document', encrypted(z.object({ a: z.string() })), { v: '{"a": "x"}' }],
    ['a list', encrypted(z.array(z.string())), { v: '["x"]' }],
    ['an item', z.array(encrypted(z.string())), { v: '["x"]' }],
    [
      'an item of two',
      z.array(encrypted(z.string())),
      { v: JSON.stringify([sealed('k1', 1, ['v', '0'], 'a'), 'x']) },
    ],
    [
      'an item that changed places',
      z.array(encrypted(z.string())),
      { v: JSON.stringify([sealed('k1', 1, ['v', '1'], 'a')]) },
    ],
    ['brackets where text may be', encrypted(z.string()), { v: '[]' }],
    ['null', encrypted(z.string()).nullable(), { v: 'null' }],
  ])('plain text is refused in %s', async (_name, v, values) => {
    const issues = await issuesOf(values, { keys: ring() }, z.object({ v }))
    expect(issues).toHaveLength(1)
    expect(['not_encrypted', 'envelope_damaged']).toContain(issues[0]?.code)
  })

  test('removal and emptying words need no envelope', async () => {
    const prod = { ...BASE, name: 'etcd:/app/prod', keyPrefix: '/app/prod/', documentKey: '/app/prod' }
    const { config, put } = await loadFrom(
      z.object({ v: encrypted(z.string()).optional() }),
      { v: sealed('k1', 1, ['v'], 'x') },
      { keys: ring(), layers: [BASE, prod] },
    )
    await using _ = config
    await put(8, 'v', 'livetree:remove', 1)
    expect(config.current).toEqual({})
  })
})

describe('the place of an envelope', () => {
  const mounted = (prefix: string, at: string) => ({
    ...BASE,
    name: prefix,
    keyPrefix: `${prefix}/`,
    documentKey: prefix,
    at,
  })
  const redis = z.object({ password: encrypted(z.string()) })

  test('is the same in every overlay, under every naming of the property, and in variables, files and programs', async () => {
    const prod = { ...BASE, name: 'etcd:/app/prod', keyPrefix: '/app/prod/', documentKey: '/app/prod' }
    const naming = z.object({ dbLogin: z.object({ passWord: encrypted(z.string()) }) })
    const envelope = (text: string) => sealed('k1', 1, ['db-login', 'pass-word'], text)
    const program = memory({})
    const { config, put } = await loadFrom(
      naming,
      { 'db-login/pass-word': envelope('base') },
      {
        keys: ring(),
        layers: [BASE, prod],
        naming: 'kebab-case',
        sources: [program, env({ prefix: 'E_', environment: {} })],
      },
    )
    await using _ = config
    await put(8, 'db-login/pass-word', envelope('prod'), 1)
    expect(config.current.dbLogin.passWord).toBe('prod')
    program.set({ dbLogin: { passWord: envelope('program') } })
    expect(config.current.dbLogin.passWord).toBe('program')
    const variable = env({ prefix: 'E_', environment: { E_DB_LOGIN__PASS_WORD: envelope('variable') } })
    const other = await loadFrom(naming, {}, { keys: ring(), naming: 'kebab-case', sources: [variable] })
    await using _other = other.config
    expect(other.config.current.dbLogin.passWord).toBe('variable')
  })

  test('a shared directory opens wherever it is mounted, and another directory with the same leaf does not', async () => {
    const envelope = sealed('k1', 1, ['redis', 'password'], 'shared')
    for (const at of ['redis', 'cache.redis']) {
      const of = at === 'redis' ? z.object({ redis }) : z.object({ cache: z.object({ redis }) })
      const layers = [mounted('/shared/redis', at)]
      const { config } = await loadFrom(
        of as z.ZodType<object>,
        { password: envelope },
        { keys: ring(), layers },
      )
      await using _ = config
      expect(JSON.stringify(config.current)).toContain('[secret]')
      const moved = { keys: ring(), layers: [mounted('/shared/mysql', at)] }
      expect(await issuesOf({ password: envelope }, moved, of)).toMatchObject([{ code: 'envelope_damaged' }])
    }
    // one service mounts what another has below its root
    const { config } = await loadFrom(z.object({ redis }), { 'redis/password': envelope }, { keys: ring() })
    await using _ = config
    expect(config.current.redis.password).toBe('shared')
  })
})

test('a test of an application gives plain values', async () => {
  await using config = await createTestConfig(defineConfig({ name: 'shop', schema }), {
    db: { password: 'plain' },
  })
  expect(config.current.db.password).toBe('plain')
  config.set({ db: { password: 'other' } })
  expect(config.current.db.password).toBe('other')
})

test('sealed() may be encrypted too', async () => {
  const of = z.object({ v: sealedSchema(z.string(), { encrypted: true }) })
  const { config } = await loadFrom(of, { v: sealed('k1', 1, ['v'], 'x') }, { keys: ring() })
  await using _ = config
  expect(config.current.v.reveal()).toBe('x')
})

test('keyring() refuses what it cannot use, and shows no key', () => {
  const bytes = material('k1', 1)
  for (const wrong of [
    {},
    { current: {} },
    { current: { file: '' } },
    { current: { file: 'a', env: 'b' } },
    { current: { id: 'k1', key: 'c2hvcnQ=' } },
    { current: { id: 'a b', key: bytes.key } },
    { current: 'text' },
    { curent: bytes },
    { current: bytes, plaintext: 'maybe' },
    { current: bytes, refreshMs: 5 },
  ] as unknown as Parameters<typeof keyring>[0][])
    expect(() => keyring(wrong)).toThrow(/\[invalid_options\] keyring\(\)/)
  const shown = inspect(ring(), { depth: 9, showHidden: true }) + JSON.stringify(ring())
  expect(shown).toContain('key k1')
  expect(shown).not.toContain(bytes.key.toString('base64'))
  expect(shown).not.toContain(bytes.key.toString('hex'))
})

test('neither plain text nor a key is in anything that is printed', async () => {
  const printed: string[] = []
  const print = (...values: unknown[]) => {
    for (const value of values)
      printed.push(
        inspect(value, { depth: 12, showHidden: true, getters: true }),
        JSON.stringify(value) ?? '',
      )
  }
  const logger = { debug: print, info: print, warn: print, error: print }
  const keys = keyring({ current: async () => [material('k1', 1), material('k0', 0)] })
  const { config, put } = await loadFrom(
    schema,
    { 'db/password': password('hunter2-first') },
    { keys, logger },
  )
  for (const name of ['change', 'rejected', 'unused', 'error'] as const) config.on(name, print)
  await put(8, 'db/password', 'hunter2-plain')
  await put(9, 'db/password', `${password('hunter2-cut').slice(0, -4)}`)
  await put(10, 'db/password', sealed('k1', 1, ['db', 'note'], 'hunter2-moved'))
  await put(11, 'db/note', password('hunter2-note'))
  await put(12, 'db/note', '')
  await put(13, 'db/password', password('hunter2-last'))
  print(config, config.status, config.health, config.explain('db'), config.explain('db.password'), keys)
  print(config.preview([{ layer: BASE.name, key: '/app/base/db/password', value: 'hunter2-preview' }]))
  await config.close()
  const all = printed.join('\n')
  expect(all).toContain('not_encrypted')
  expect(all).not.toContain('hunter2')
  for (const number of [0, 1])
    for (const form of ['hex', 'base64', 'base64url'] as const)
      expect(all).not.toContain(keyNumber(number).toString(form))
})

test('variables of other names, lists with commas and names of entries open at the path that they stand for', async () => {
  const schema = z.object({
    db: z.object({ url: encrypted(z.string()) }),
    l: z.array(encrypted(z.string())).default([]),
    w: encrypted(z.array(z.number())).default([]),
    m: z.map(z.string(), encrypted(z.string())).default(new Map()),
  })
  const source = env({
    prefix: 'Q_',
    aliases: { 'db.url': 'DATABASE_URL' },
    environment: {
      DATABASE_URL: sealed('k1', 1, ['db', 'url'], 'u'),
      Q_L: [0, 1].map((i) => sealed('k1', 1, ['l', String(i)], `i${i}`)).join(','),
      Q_W: sealed('k1', 1, ['w'], '[1,2]'),
      Q_M__A_B: sealed('k1', 1, ['m', 'a_b'], 'mm'),
    },
  })
  const { config } = await loadFrom(schema, {}, { keys: ring(), sources: [source] })
  expect(config.current.db.url).toBe('u')
  expect(config.current.l).toEqual(['i0', 'i1'])
  expect(config.current.w).toEqual([1, 2])
  expect(config.current.m.get('a_b')).toBe('mm')
  await config.close()
})
test('names of any kind are part of the path', async () => {
  const schema = z.object({ r: z.record(z.string(), encrypted(z.string())) })
  const { config } = await loadFrom(
    schema,
    {
      'r/a%2Fb': sealed('k1', 1, ['r', 'a/b'], '1'),
      'r/constructor': sealed('k1', 1, ['r', 'constructor'], '2'),
      'r/ü': sealed('k1', 1, ['r', 'ü'], '3'),
    },
    { keys: ring() },
  )
  expect(config.current.r).toEqual({ 'a/b': '1', constructor: '2', ü: '3' })
  await config.close()
})
test('an intersection, a recursive schema, null and a catch read what was opened', async () => {
  type T = { p?: string | undefined; next?: T | undefined }
  const node: z.ZodType<T> = z.lazy(() =>
    z.object({ p: encrypted(z.string()).optional(), next: node.optional() }),
  )
  const schema = z.object({
    a: z.object({ p: encrypted(z.string()) }).and(z.object({ q: z.string() })),
    t: node,
    c: encrypted(z.number()).catch(7),
    n: encrypted(z.string().nullable()),
  })
  const { config } = await loadFrom(
    schema,
    {
      'a/p': sealed('k1', 1, ['a', 'p'], 'x'),
      'a/q': 'y',
      't/next/next/p': sealed('k1', 1, ['t', 'next', 'next', 'p'], 'deep'),
      c: sealed('k1', 1, ['c'], 'nan'),
      n: sealed('k1', 1, ['n'], 'null'),
    },
    { keys: ring() },
  )
  expect(config.current).toEqual({
    a: { p: 'x', q: 'y' },
    t: { next: { next: { p: 'deep' } } },
    c: 7,
    n: null,
  })
  await config.close()
})
test('catch does not hide an envelope that does not open', async () => {
  await expect(
    loadFrom(z.object({ c: encrypted(z.number()).catch(7) }), { c: '5' }, { keys: ring() }),
  ).rejects.toMatchObject({ code: 'invalid_config' })
})
