import { createAdmin, type Admin, type DiffSide } from '@livetree/admin'
import { defineConfig, keyring } from 'livetree'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { isLongRun } from '../../support/run-length.ts'
import { embeddedStore, encrypted } from './embedded-store.ts'

/** What somebody who has no key wrote into the store. */
const FOREIGN = 'FOREIGNTXT'
const HERE = { id: 'here', key: Buffer.alloc(32, 1) }
const THERE = { id: 'there', key: Buffer.alloc(32, 2) }
const ENVELOPE = 'livetree:encrypted:'

const store = embeddedStore()
let count = 0

type World = {
  readonly schema: z.ZodObject
  readonly root: string
  readonly plaintext: 'reject' | 'accept'
  readonly current?: typeof HERE
}

function open({ schema, root, plaintext, current = HERE }: World): Admin<unknown> {
  const definition = defineConfig({
    name: 'marks',
    schema,
    guard: false,
    keys: () => keyring({ current, plaintext }),
  })
  return createAdmin(definition, {
    store: { endpoints: store.endpoint, root, overlays: ['base', 'prod'] },
  }) as Admin<unknown>
}

async function stored(prefix: string): Promise<string> {
  const { entries } = await store.client.kv.getRange({ prefix })
  return entries.map(({ text }) => text).join('\n')
}

const text = z.string()
const object = z.object({ a: text, b: text.optional() })
const json = (value: unknown) => JSON.stringify(value)

/** What stands in plain text as the value `pw` of a document. */
const secrets: readonly (readonly [name: string, schema: z.ZodType, value: unknown])[] = [
  ['text', text, FOREIGN],
  ['an empty text', text, ''],
  ['a number', z.number(), 5],
  ['a number as text', z.number(), ' 5'],
  ['a text that looks like JSON', text, json({ a: FOREIGN })],
  ['a text {}', text, '{}'],
  ['an object', object, { a: FOREIGN }],
  ['an object as text', object, ` ${json({ a: FOREIGN })} `],
  ['an object with all parts as text', object, json({ a: FOREIGN, b: 'x' })],
  ['a record as text', z.record(text, text), json({ a: FOREIGN })],
  ['an object with an empty record', z.object({ a: z.record(text, text) }), { a: {} }],
  ['an object with an empty list', z.object({ a: z.array(text) }), { a: [] }],
  ['a list', z.array(text), [FOREIGN, 'x']],
  ['a list as text', z.array(text), json([FOREIGN])],
  ['a union as text', z.union([text, object]), json({ a: FOREIGN })],
  ['a union of {}', z.union([text, z.object({ a: text.optional() })]), '{}'],
  ...[z.any(), z.unknown(), z.json()].flatMap((schema) =>
    [FOREIGN, '', '{}', '[]', json({ a: FOREIGN }), { a: FOREIGN }, { q: json({ a: FOREIGN }) }].map(
      (value) => [`${schema.def.type} with ${json(value)}`, schema, value] as const,
    ),
  ),
]

const wrappers: readonly {
  readonly name: string
  readonly of: (item: z.ZodType) => z.ZodType
  readonly keys: (item: Readonly<Record<string, unknown>>) => Readonly<Record<string, string>>
  /** The names of the store are not those of the value. */
  readonly isRenamed?: true
}[] = [
  { name: 'an object', of: (item) => item, keys: (item) => ({ db: json(item) }) },
  { name: 'a list', of: (item) => z.array(item), keys: (item) => ({ db: json([item]) }) },
  {
    name: 'a list of documents',
    of: (item) => z.array(item),
    keys: (item) => ({ 'db/0': json(item) }),
    isRenamed: true,
  },
  { name: 'a record', of: (item) => z.record(text, item), keys: (item) => ({ 'db/k': json(item) }) },
  {
    name: 'a record of lists',
    of: (item) => z.record(text, z.array(item)),
    keys: (item) => ({ 'db/k': json([item]) }),
  },
  {
    name: 'an object with a list',
    of: (item) => z.object({ l: z.array(item) }),
    keys: (item) => ({ db: json({ l: [item] }) }),
  },
  {
    name: 'keys',
    of: (item) => item,
    keys: ({ pw, h }) => ({ 'db/pw': typeof pw === 'string' ? pw : json(pw), 'db/h': String(h) }),
  },
  {
    name: 'a list of keys',
    of: (item) => z.array(item),
    keys: ({ pw, h }) => ({ 'db/0/pw': typeof pw === 'string' ? pw : json(pw), 'db/0/h': String(h) }),
    isRenamed: true,
  },
]

/** In the short form each value is tried in two of the eight places, which differ from value to value. */
const triedAt = (place: number) => secrets.filter((_, index) => isLongRun || (index + place) % 4 === 0)

describe.each(wrappers)('plain text of the store in $name', ({ name, of, keys, isRenamed = false }) => {
  test.each(triedAt(wrappers.findIndex((wrapper) => wrapper.name === name)))(
    'is never encrypted by who takes it over: %s',
    async (_, secret, value) => {
      const schema = z.object({ db: of(z.object({ pw: encrypted(secret), h: text })).optional() })
      const root = `/config/${++count}`
      for (const [key, each] of Object.entries(keys({ pw: value, h: 'EDITME' })))
        await store.client.kv.put(`${root}/base/${key}`, each)
      await using strict = open({ schema, root, plaintext: 'reject' })
      await using accepting = open({ schema, root, plaintext: 'accept' })
      // Not every form of a value is one that keys take, and there is nothing in some of them.
      const { plaintext } = await accepting.encrypted()
      const tree = await accepting.read()
      if (plaintext.length === 0 || !tree.isValid) return
      const isRefused = (await strict.read()).issues.some(({ code }) => code === 'not_encrypted')
      const sideOf = async (admin: Admin<unknown>, layer: object): Promise<DiffSide> => {
        const side = await admin.export({ ...layer, format: 'json', reveal: true })
        return { text: side.text, plaintext: side.plaintext }
      }
      const sides = [
        await sideOf(strict, { overlay: 'base' }),
        await sideOf(accepting, {}),
        { overlay: 'base' } as const,
        'now' as const,
      ]
      for (const [index, from] of sides.entries()) {
        const isHere = index >= 2
        const into = isHere ? root : `/config/${++count}`
        const current = isHere ? HERE : THERE
        await using taking = open({ schema, root: into, plaintext: 'accept', current })
        const planned = taking.promote({ from, only: ['db'], overlay: 'prod' })
        if (isRenamed && index % 2 === 1) {
          await expect(planned).rejects.toMatchObject({ code: 'secret_text' })
          continue
        }
        await (await planned).apply()
        expect(await stored(`${into}/prod/`)).not.toContain(ENVELOPE)
        expect((await taking.read()).value).toEqual(tree.value)
        await store.client.kv.deleteRange({ prefix: `${into}/prod/` })
        await using refusing = open({ schema, root: into, plaintext: 'reject', current })
        // A whole configuration leaves out what the schema makes of nothing.
        if (!isRefused || from === 'now' || ('plaintext' in from && from.plaintext?.length === 0)) continue
        const refused = await refusing.promote({ from, only: ['db'], overlay: 'prod' })
        expect(refused.issues.map(({ code }) => code)).toContain('not_encrypted')
      }
      for (const admin of [strict, accepting]) {
        const { text: before } = await admin.export({ overlay: 'base', format: 'json', reveal: true })
        const edited = before.replace('EDITME', 'EDITED')
        expect(edited).not.toBe(before)
        const plan = await admin.change({ overlay: 'base' }).setEdited(before, edited).plan()
        await plan.apply({ force: true })
        const after = await stored(`${root}/base/`)
        expect(after).not.toContain(ENVELOPE)
        expect(after).toContain('EDITED')
        await (await admin.change({ overlay: 'base' }).setEdited(edited, before).plan()).apply({
          force: true,
        })
      }
    },
  )
})

test('plain text beside an envelope in JSON that stands as text stays so, and only it', async () => {
  const schema = z.object({
    db: z
      .array(z.object({ o: z.object({ x: encrypted(text), y: encrypted(text), z: text }), h: text }))
      .optional(),
  })
  const root = `/config/${++count}`
  await using admin = open({ schema, root, plaintext: 'accept' })
  await admin.set('db', [{ o: { x: 'SEALEDX', y: 'SEALEDY', z: 'z' }, h: 'EDITME' }] as never, {
    overlay: 'base',
  })
  const [{ o, h }] = JSON.parse((await store.client.kv.get(`${root}/base/db`))?.text ?? '') as [
    { o: object; h: string },
  ]
  await store.client.kv.put(`${root}/base/db`, json([{ o: json({ ...o, x: FOREIGN }), h }]))
  const { text: before, plaintext } = await admin.export({ overlay: 'base', format: 'json', reveal: true })
  expect(plaintext).toEqual([['db', '0', 'o', 'x']])
  await using other = open({ schema, root: `/config/${++count}`, plaintext: 'accept', current: THERE })
  await (await other.promote({ from: { text: before, plaintext }, only: ['db'], overlay: 'base' })).apply()
  await (await admin.promote({ from: { overlay: 'base' }, only: ['db'], overlay: 'prod' })).apply()
  const edited = before.replace('EDITME', 'EDITED')
  await (await admin.change({ overlay: 'base' }).setEdited(before, edited).plan()).apply()
  for (const prefix of [`/config/${count}/base`, `${root}/prod`, `${root}/base`]) {
    const after = await stored(`${prefix}/`)
    expect(after).toContain(FOREIGN)
    expect(after).not.toContain('SEALED')
    expect(after.match(/livetree:encrypted:/g)).toHaveLength(1)
  }
})

test('what changed in the store meanwhile, and not in the text, is neither encrypted nor written in plain text', async () => {
  const schema = z.object({ db: z.array(z.object({ pw: encrypted(text), h: text })).optional() })
  const root = `/config/${++count}`
  await using admin = open({ schema, root, plaintext: 'accept' })
  await store.client.kv.put(`${root}/base/db`, json([{ pw: 'ONE', h: 'EDITME' }]))
  const { text: before } = await admin.export({ overlay: 'base', format: 'json', reveal: true })
  await store.client.kv.put(`${root}/base/db`, json([{ pw: FOREIGN, h: 'EDITME' }]))
  const change = admin.change({ overlay: 'base' }).setEdited(before, before.replace('EDITME', 'EDITED'))
  await expect(change.plan()).rejects.toMatchObject({ code: 'secret_text' })
})

const secretItem = z.object({ pw: encrypted(text), h: text })

test.each<
  readonly [
    name: string,
    db: z.ZodType,
    keys: Readonly<Record<string, string>>,
    edit: (before: string) => string,
  ]
>([
  [
    'JSON as text of an object',
    z.object({ pw: z.object({ a: encrypted(text), b: text }), h: text }),
    { db: json({ pw: json({ a: FOREIGN, b: 'EDITME' }), h: 'h' }) },
    (before) => before.replace('EDITME', 'EDITED'),
  ],
  [
    'JSON as text of a list',
    z.object({ l: z.array(secretItem) }),
    { db: json({ l: json([{ pw: FOREIGN, h: 'EDITME' }]) }) },
    (before) => before.replace('EDITME', 'EDITED'),
  ],
  [
    'items by names, which become a list',
    z.array(secretItem),
    { 'db/1': json({ pw: FOREIGN, h: 'EDITME' }), 'db/7': json({ pw: `${FOREIGN}2`, h: 'h' }) },
    (before) =>
      json({ db: Object.values((JSON.parse(before) as { db: object }).db) }).replace('EDITME', 'EDITED'),
  ],
  [
    'a list, which becomes items by names',
    z.array(secretItem),
    {
      db: json([
        { pw: FOREIGN, h: 'EDITME' },
        { pw: `${FOREIGN}2`, h: 'h' },
      ]),
    },
    (before) => json({ db: { ...(JSON.parse(before) as { db: object[] }).db } }).replace('EDITME', 'EDITED'),
  ],
])('an edit beside plain text leaves it: %s', async (_, db, keys, edit) => {
  const root = `/config/${++count}`
  for (const [key, each] of Object.entries(keys)) await store.client.kv.put(`${root}/base/${key}`, each)
  await using admin = open({ schema: z.object({ db: db.optional() }), root, plaintext: 'reject' })
  const { text: before } = await admin.export({ overlay: 'base', format: 'json', reveal: true })
  expect(before).toContain(FOREIGN)
  const plan = await admin.change({ overlay: 'base' }).setEdited(before, edit(before)).plan()
  expect(plan.issues.map(({ code }) => code)).toContain('not_encrypted')
  await plan.apply({ force: true })
  const after = await stored(`${root}/base/`)
  expect(after).toContain('EDITED')
  expect(after).toContain(FOREIGN)
  expect(after).not.toContain(ENVELOPE)
})

describe('the marks of a layer go by the names of its text', () => {
  const part = z
    .object({ passWord: encrypted(text).optional(), l: z.array(encrypted(text)).optional() })
    .optional()
  const mounted = (root: string, at: readonly string[], current = HERE) => {
    const definition = defineConfig({
      name: 'mounts',
      schema: z.object(Object.fromEntries([...at, 'q'].map((name) => [name, part]))),
      guard: false,
      keys: () => keyring({ current }),
    })
    const layers = [{ prefix: `${root}/own` }, { prefix: `${root}/shared`, at: at.length === 1 ? at[0] : at }]
    return createAdmin(definition, {
      store: { endpoints: store.endpoint, layers: layers as never },
    }) as Admin<unknown>
  }

  test.each([
    [['cache'], ['redis'], 'redis'],
    [['a', 'b'], ['b'], 'b'],
    [['b'], ['a', 'b'], 'a'],
  ])('mounted at %j there and at %j here', async (there, here, only) => {
    const [from, into] = [`/config/${++count}`, `/config/${++count}`]
    await store.client.kv.put(`${from}/shared/passWord`, FOREIGN)
    await store.client.kv.put(`${from}/shared/l`, json([FOREIGN]))
    await using other = mounted(from, there, THERE)
    const side = await other.export({ layer: `${from}/shared`, format: 'json', reveal: true })
    expect(side.plaintext).toEqual([['l', '0'], ['passWord']])
    await using admin = mounted(into, here)
    const options = { only: [only as never], layer: `${into}/shared` }
    const plan = await admin.promote({ from: { text: side.text, plaintext: side.plaintext }, ...options })
    expect(plan.issues.map(({ code }) => code)).toContain('not_encrypted')
    await plan.apply({ force: true })
    expect(await stored(`${into}/`)).not.toContain(ENVELOPE)
  })

  test('and one that the text has no place for is refused', async () => {
    await using admin = mounted(`/config/${++count}`, ['redis'])
    for (const plaintext of [[['redis', 'passWord']], [['l', '1']], [['passWord', 'x']]])
      await expect(
        admin.promote({
          from: { text: json({ passWord: 'x', l: ['y'] }), plaintext },
          only: ['redis' as never],
          layer: admin.layers[1]?.keyPrefix.slice(0, -1),
        }),
      ).rejects.toMatchObject({ code: 'invalid_options', message: expect.stringContaining('plaintext') })
  })
})
