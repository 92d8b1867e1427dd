import { type Admin, createAdmin, type Plan } from '@livetree/admin'
import { defineConfig, keyring } from 'livetree'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { embeddedStore, encrypted } from './embedded-store.ts'

const SECRET = 'SECRETXYZ'

const store = embeddedStore()
let count = 0

const text = z.string().optional()
const part = z.object({ pw: encrypted(z.string()).optional(), host: text }).optional()
const redis = z.object({ in: part, pw: encrypted(z.string()).optional(), host: text }).optional()
const schema = z.object({ redis, cache: z.unknown().optional(), q: text })

interface World {
  readonly admin: Admin<unknown>
  readonly layer: string
  readonly own: string
  /** Every key of the world and its text. */
  readonly stored: () => Promise<Readonly<Record<string, string>>>
}

interface WorldOptions {
  readonly at?: string | readonly string[] | undefined
  readonly of?: z.ZodObject
  readonly keys?: Readonly<Record<string, string>>
  readonly unused?: 'reject' | 'warn'
  /** Keys of a layer above. */
  readonly top?: Readonly<Record<string, string>>
}

async function worldOf({
  at,
  of = schema,
  keys = {},
  unused = 'warn',
  top = {},
}: WorldOptions): Promise<World> {
  const root = `/unknown/${++count}`
  const [own, layer] = [`${root}/own`, `${root}/redis`]
  for (const [name, value] of Object.entries(keys)) await store.client.kv.put(`${layer}/${name}`, value)
  for (const [name, value] of Object.entries(top)) await store.client.kv.put(`${root}/top/${name}`, value)
  const definition = defineConfig({ name: 'unknown', schema: of, guard: false, unused })
  const admin = createAdmin(definition, {
    store: {
      endpoints: store.endpoint,
      layers: [
        { prefix: own },
        { prefix: layer, ...(at !== undefined && { at }) },
        ...(Object.keys(top).length > 0 ? [{ prefix: `${root}/top` }] : []),
      ],
    },
    keys: keyring({ current: { id: 'here', key: Buffer.alloc(32, 1) } }),
  }) as Admin<unknown>
  const stored = async () => {
    const { entries } = await store.client.kv.getRange({ prefix: `${root}/` })
    return Object.fromEntries(entries.map((entry) => [entry.key.slice(root.length + 1), entry.text]))
  }
  return { admin, layer, own, stored }
}

/** An envelope that the world has made. */
async function envelopeIn({ admin, own, stored }: World): Promise<string> {
  await (await admin.change({ layer: own }).set('redis.pw', SECRET).plan()).apply()
  return (await stored())['own/redis/pw'] ?? ''
}

const yaml = (value: unknown) => JSON.stringify(value)
const named = ({ unused }: Plan) => unused.map(({ pathText, didYouMean }) => [pathText, didYouMean])

/** What writes the name `pww` below `redis.in`; `above` is what a text of the layer has around its own. */
const ways: readonly (readonly [
  name: string,
  plan: (world: World, around: (value: object) => object, above: readonly string[]) => Promise<Plan>,
])[] = [
  ['an import', ({ admin, layer }, around) => admin.import(yaml(around({ in: { pww: SECRET } })), { layer })],
  [
    'an import of keys',
    ({ admin, layer }, _, above) => {
      const [key, value] = [[layer, ...above, 'in', 'pww'].join('/'), SECRET].map((each) =>
        Buffer.from(each).toString('base64'),
      )
      return admin.import(yaml({ kvs: [{ key, value }] }), { layer, format: 'etcdctl' })
    },
  ],
  [
    'an edit',
    ({ admin, layer }, around) => {
      const before = { host: 'h' }
      return admin
        .change({ layer })
        .setEdited(yaml(around({ in: before })), yaml(around({ in: { ...before, pww: SECRET } })))
        .plan()
    },
  ],
  [
    'a text that is set',
    ({ admin, layer }) =>
      admin
        .change({ layer })
        .setText('redis.in', yaml({ pww: SECRET }))
        .plan(),
  ],
]

describe.each([
  ['mounted below the top', 'redis'],
  ['at the top', undefined],
])('a plan for a layer %s', (_, at) => {
  const above = at === undefined ? ['redis'] : []
  const around = (value: object) => (at === undefined ? { redis: value } : value)
  const inForm = (form: string): Readonly<Record<string, string>> =>
    form === 'keys'
      ? { [[...above, 'in', 'host'].join('/')]: 'h' }
      : { [[...above, 'in'].join('/')]: '{"host":"h"}' }

  describe.each(['keys', 'a document'])('with %s', (form) => {
    test.each(form === 'keys' ? ways : ways.filter(([name]) => name !== 'an import of keys'))(
      'names what %s writes and the schema does not know',
      async (_way, planOf) => {
        const world = await worldOf({ at, keys: inForm(form) })
        await using _admin = world.admin
        const plan = await planOf(world, around, above)
        expect(named(plan)).toEqual([['redis.in.pww', 'pw']])
        expect(plan.issues).toEqual([])
        await plan.apply()
        expect(yaml(await world.stored())).toContain('pww')
      },
    )

    test('refuses to promote it', async () => {
      const world = await worldOf({ at, keys: inForm(form) })
      await using admin = world.admin
      const before = await world.stored()
      const from = { text: yaml(around({ in: { host: 'h', pww: SECRET } })) }
      const error = await admin
        .promote({ from, only: ['redis.in'], layer: world.layer })
        .catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({
        code: 'invalid_path',
        message: expect.stringContaining('"redis.in.pww"'),
      })
      expect(String(error)).toContain('may be secret')
      expect(String(error)).toContain('Did you mean "pw"?')
      expect(String(error)).not.toContain(SECRET)
      expect(String(error).includes('begins below')).toBe(at !== undefined)
      expect(await world.stored()).toEqual(before)
    })

    test('promotes envelopes', async () => {
      const world = await worldOf({ at, keys: inForm(form) })
      await using admin = world.admin
      const envelope = await envelopeIn(world)
      const from = { text: yaml(around({ in: { host: 'new', pww: envelope } })) }
      const plan = await admin.promote({ from, only: ['redis.in'], layer: world.layer })
      expect(named(plan)).toEqual([['redis.in.pww', 'pw']])
      await plan.apply()
      expect(yaml(await world.stored())).toContain('new')
    })
  })

  test('promotes what a key has already', async () => {
    const keys = { [[...above, 'in', 'pww'].join('/')]: 'old' }
    const world = await worldOf({ at, keys })
    await using admin = world.admin
    const from = { text: yaml(around({ in: { host: 'new', pww: 'old' } })) }
    await (await admin.promote({ from, only: ['redis.in'], layer: world.layer })).apply()
    expect(yaml(await world.stored())).toContain('new')
  })

  test('refuses to promote into a document what the schema does not know there', async () => {
    const of = z.object({ redis: z.object({ doc: z.object({ in: part }).optional() }).optional() })
    const keys = { [[...above, 'doc'].join('/')]: '{"in":{"host":"h","pwx":"old"},"strange":1}' }
    const world = await worldOf({ at, of, keys })
    await using admin = world.admin
    const promotionOf = (inside: object) =>
      admin.promote({
        from: { text: yaml(around({ doc: { in: inside } })) },
        only: ['redis.doc.in'],
        layer: world.layer,
      })
    await expect(promotionOf({ host: 'h', pww: SECRET })).rejects.toMatchObject({
      code: 'invalid_path',
      message: expect.stringContaining('"redis.doc.in.pww"'),
    })
    await (await promotionOf({ host: 'new', pwx: 'old' })).apply()
    expect(yaml(await world.stored())).toContain('new')
  })
})

describe('a layer that others share', () => {
  test('has no name of others in a plan that does not write it', async () => {
    const keys = { 'in/host': 'h', strange: 'x', doc: '{"hosts":1}' }
    const { admin, layer } = await worldOf({ at: 'redis', keys, unused: 'reject' })
    await using _admin = admin
    const plan = await admin.change({ layer }).set('redis.in.host', 'i').plan()
    expect([plan.unused, plan.issues]).toEqual([[], []])
  })

  test('has no name of others in a document of which the plan writes another part', async () => {
    const { admin, layer } = await worldOf({ at: 'redis', keys: { in: '{"host":"h","strange":1}' } })
    await using _admin = admin
    const plan = await admin.change({ layer }).set('redis.in.host', 'i').plan()
    expect(plan.unused).toEqual([])
  })

  test('is not refused what the definition would reject of an own layer', async () => {
    const { admin, layer } = await worldOf({ at: 'redis', unused: 'reject' })
    await using _admin = admin
    const plan = await admin.import('{ hosts: x }', { layer })
    expect(named(plan)).toEqual([['redis.hosts', 'host']])
    expect(plan.issues).toEqual([])
  })

  test('names all that a plan writes, however many others wrote there', async () => {
    const keys = Object.fromEntries(Array.from({ length: 150 }, (_, at) => [`a${at}`, 'x']))
    const { admin, layer } = await worldOf({ at: 'redis', keys })
    await using _admin = admin
    expect(named(await admin.import('{ hosts: x }', { layer }))).toEqual([['redis.hosts', 'host']])
  })

  test.each([
    ['keys', {}],
    ['a document', { in: '{}' }],
  ])('has in %s what the schema knows at one of its places', async (_, keys) => {
    const other = z.object({ in: z.object({ user: text }).optional() }).optional()
    const of = z.object({ redis, audit: other })
    const world = await worldOf({ at: ['redis', 'audit'], of, keys })
    await using admin = world.admin
    const plan = await admin.import('{ in: { user: u, host: h } }', { layer: world.layer })
    expect(plan.unused).toEqual([])
    const from = { text: '{ in: { user: v, host: i } }' }
    const promoted = await admin.promote({ from, only: ['redis.in'], layer: world.layer })
    await promoted.apply()
    expect(yaml(await world.stored())).toContain('i')
  })
})

test.each(['livetree:remove', 'livetree:empty'])(
  'what a layer hides by %s is named and refused too',
  async (word) => {
    const world = await worldOf({ at: 'redis', top: { redis: word } })
    await using admin = world.admin
    expect(named(await admin.import('{ pww: x }', { layer: world.layer }))).toEqual([['redis.pww', 'pw']])
    const from = { text: '{ pww: x }' }
    await expect(admin.promote({ from, only: ['redis'], layer: world.layer })).rejects.toMatchObject({
      code: 'invalid_path',
    })
  },
)

describe('a promotion of a whole tree to a mounted layer', () => {
  const whole = { text: yaml({ redis: { pw: SECRET, host: 'h' } }) }

  test('is refused, and says where a text of the layer begins', async () => {
    const world = await worldOf({ at: 'redis' })
    await using admin = world.admin
    const promoted = admin.promote({ from: whole, only: ['redis'], layer: world.layer })
    await expect(promoted).rejects.toMatchObject({
      code: 'invalid_path',
      message: expect.stringMatching(/redis\.redis\.(?:pw|host).*begins below "redis"/s),
    })
    expect(await world.stored()).toEqual({})
  })

  test.each([
    ['nothing', {}],
    ['a value', { host: 'old' }],
  ])('is refused at a place that the text has above, where the layer has %s', async (_, keys) => {
    const world = await worldOf({ at: 'redis', keys })
    await using admin = world.admin
    const promoted = admin.promote({ from: whole, only: ['redis.host'], layer: world.layer })
    await expect(promoted).rejects.toMatchObject({
      code: 'invalid_path',
      message: expect.stringMatching(/"redis\.host".*begins below "redis"/s),
    })
  })

  test('is taken where the schema has the name of the place below it too', async () => {
    const of = z.object({ redis: z.object({ redis: part, host: text }).optional() })
    const world = await worldOf({ at: 'redis', of, keys: { host: 'old' } })
    await using admin = world.admin
    const plan = await admin.promote({ from: whole, only: ['redis'], layer: world.layer })
    expect(plan.unused).toEqual([])
    const removed = await admin.promote({ from: whole, only: ['redis.host'], layer: world.layer })
    expect(removed.removes.map(({ pathText }) => pathText)).toEqual(['redis.host'])
  })
})

test.each([
  ['unknown', z.unknown()],
  ['a record', z.record(z.string(), z.string())],
  ['an object with other names', z.looseObject({ a: text })],
  ['a text that looks like an object', z.string()],
])('a promotion takes what %s has a place for', async (_, of) => {
  for (const keys of [{}, { cache: '{}' }]) {
    const world = await worldOf({
      at: 'top',
      of: z.object({ top: z.object({ cache: of.optional() }).optional() }),
      keys,
    })
    await using admin = world.admin
    const value = of instanceof z.ZodString ? yaml({ b: 'x' }) : { b: 'x' }
    const plan = await admin.promote({
      from: { text: yaml({ cache: value }) },
      only: ['top.cache'],
      layer: world.layer,
    })
    expect(plan.unused).toEqual([])
    await plan.apply()
    expect(yaml(await world.stored())).toContain('x')
  }
})

describe.each([
  ['an object', z.object({ k: text }), 'k'],
  ['a record', z.record(z.string(), z.string()), 'k'],
  ['a list or a record', z.union([z.array(z.string()), z.record(z.string(), z.string())]), 'k'],
  ['a text or an object', z.union([z.string(), z.object({ k: text })]), 'k'],
  ['a number', z.object({ k: z.number().optional() }), 'k'],
  [
    'a text that code reads',
    z.object({
      k: z
        .string()
        .transform((each): unknown => JSON.parse(each))
        .optional(),
    }),
    'k',
  ],
])('a name below a text of %s', (_kind, of, k) => {
  const worldWith = (keys: Readonly<Record<string, string>>) =>
    worldOf({ of: z.object({ d: of.optional() }), keys })

  test.each([
    ['a text', { [`d/${k}/x`]: SECRET }],
    ['a word', { [`d/${k}/x`]: 'livetree:empty' }],
    ['a document', { [`d/${k}/x`]: `{"y":"${SECRET}"}` }],
  ])(
    'is carried by an import as a key of its own that holds %s, and refused by a promotion',
    async (form, keys) => {
      const source = await worldWith(keys)
      await using from = source.admin
      const target = await worldWith({})
      await using to = target.admin
      const [wanted, exported] = [await from.read(), await from.export({ layer: source.layer, reveal: true })]
      const plan = await to.import(exported.text, { layer: target.layer })
      expect(plan.unused.map(({ pathText }) => pathText.slice(0, 5))).toEqual(['d.k.x'])
      const promoted = to.promote({ from: { text: exported.text }, only: ['d'], layer: target.layer })
      if (form === 'a word') expect((await promoted).unused).toEqual(plan.unused)
      else await expect(promoted).rejects.toMatchObject({ code: 'invalid_path' })
      await plan.apply({ force: true })
      expect(Object.keys(await target.stored()).filter((key) => key.includes('/d/'))).toEqual([
        `redis/d/${k}/x`,
      ])
      const after = await to.read()
      expect(after.isValid).toBe(wanted.isValid)
      if (wanted.isValid) expect(after.value).toEqual(wanted.value)
    },
  )

  test.each(['7', '{"a":"7"}'])('takes no place of the value %s that is there', async (value) => {
    const target = await worldWith({ [`d/${k}`]: value })
    await using admin = target.admin
    const before = await target.stored()
    for (const written of [{ x: SECRET }, { x: { y: SECRET } }]) {
      const change = admin.import(yaml({ d: { [k]: written } }), { layer: target.layer })
      await expect(change).rejects.toMatchObject({
        code: 'unwritable_value',
        message: expect.stringMatching(/holds the value of "d\.k"/),
      })
    }
    const promoted = admin.promote({
      from: { text: yaml({ d: { [k]: { x: SECRET } } }) },
      only: ['d'],
      layer: target.layer,
    })
    await expect(promoted).rejects.toMatchObject({ code: 'invalid_path' })
    expect(await target.stored()).toEqual(before)
  })

  test.each([
    ['a list', ['a']],
    ['an empty object', {}],
  ])('keeps %s from becoming a text', async (_, value) => {
    const target = await worldWith({})
    await using admin = target.admin
    const change = admin.import(yaml({ d: { [k]: value } }), { layer: target.layer })
    await expect(change).rejects.toMatchObject({ message: expect.stringContaining('Cannot write "d.k"') })
  })
})

test('a text is carried without the names below it that nothing reads', async () => {
  const of = z.object({ d: z.record(z.string(), z.string()).optional() })
  for (const value of ['a', '{}', '{"a":1}']) {
    const keys = { 'd/k': value, 'd/k/x': SECRET, 'd/j/x': 'livetree:remove' }
    const source = await worldOf({ of, keys })
    await using admin = source.admin
    const plan = await admin.promote({ from: { layer: source.layer }, only: ['d.k'], layer: source.own })
    await plan.apply()
    expect(await source.stored()).toMatchObject({ 'own/d/k': value })
    expect(yaml(await source.stored())).not.toContain('own/d/k/x')
    await expect(admin.export({ layer: source.layer, reveal: true })).rejects.toMatchObject({
      code: 'unwritable_value',
    })
  }
})

describe('a promotion takes an unknown name', () => {
  const of = z.object({ d: z.object({ h: text, in: part }).optional() })
  const keysOf = {
    keys: { 'd/h': 'old', 'd/in/pww': 'q', 'd/a%2Fb': '5' },
    'a document': { d: '{"h":"old","in":{"pww":"q"},"a/b":5}' },
    'a document below': { 'd/h': 'old', 'd/in': '{ "pww": "q" }', 'd/a%2Fb': '5' },
  } as const
  const cases = Object.keys(keysOf).flatMap((one) =>
    Object.keys(keysOf).map((other) => [one, other] as const),
  )
  type Form = keyof typeof keysOf

  test.each(cases)('from %s that the layer has already in %s', async (one, other) => {
    const source = await worldOf({ of, keys: keysOf[one as Form] })
    await using from = source.admin
    const target = await worldOf({ of, keys: keysOf[other as Form] })
    await using admin = target.admin
    const exported = await from.export({ layer: source.layer, reveal: true })
    const promote = (exportedText: string) =>
      admin.promote({ from: { text: exportedText }, only: ['d'], layer: target.layer })
    const plan = await promote(exported.text.replace('old', 'new'))
    await plan.apply()
    expect(yaml(await target.stored())).toContain('new')
    expect(exported.text).toContain('q')
    const another = promote(exported.text.replace('q', SECRET))
    await expect(another).rejects.toMatchObject({ code: 'invalid_path' })
  })

  test.each(['keys', 'a document'])('in which %s hold only words', async (form) => {
    const words = { pww: 'livetree:remove', pwx: { y: 'livetree:remove' } }
    const keys =
      form === 'keys' ? { 'd/in/pww': words.pww, 'd/in/pwx/y': words.pwx.y } : { 'd/in': yaml(words) }
    const { admin, layer, own } = await worldOf({ of, keys: { 'd/h': 'h', ...keys } })
    await using _ = admin
    for (const only of ['d', 'd.in']) await admin.promote({ from: { layer }, only: [only], layer: own })
    const beside = { d: { in: { pww: 'livetree:remove', pwx: SECRET } } }
    const promoted = admin.promote({ from: { text: yaml(beside) }, only: ['d'], layer: own })
    await expect(promoted).rejects.toMatchObject({ code: 'invalid_path' })
  })
})

describe('an import into an object that a document has as text', () => {
  const db = z.object({ pw: z.object({ a: encrypted(text), b: text, c: text }).optional(), h: text })
  const of = z.object({ db: db.optional(), k: text })
  const held = { a: 'ATT', b: 'x', c: 'c' }
  const forms = {
    'a key': { 'db/pw': yaml(held) },
    'an object of a document': { db: yaml({ pw: held, h: 'h' }) },
    'a text of a document': { db: yaml({ pw: yaml(held), h: 'h' }) },
  } as const

  test.each(Object.entries(forms))('joins what %s has', async (form, keys) => {
    const world = await worldOf({ of, keys })
    await using admin = world.admin
    const { layer } = world
    const plan = await admin.import(yaml({ db: { pw: { b: 'N' } } }), { layer })
    await plan.apply({ force: true })
    const stored = await world.stored()
    const pw: unknown =
      form === 'a key' ? JSON.parse(stored['redis/db/pw'] ?? '') : JSON.parse(stored['redis/db'] ?? '').pw
    expect(pw).toEqual({ ...held, b: 'N' })
    await expect(
      admin.import(yaml({ db: { pw: { b: 'M' } } }), { layer, prune: true }).then(async (pruned) => {
        await pruned.apply({ force: true, allowRemoval: true })
        return yaml(await world.stored())
      }),
    ).resolves.not.toMatch(/ATT|\bc\b|encrypted/)
  })

  test('takes no text for an object that is one', async () => {
    const world = await worldOf({ of, keys: { db: yaml({ h: yaml(held) }) } })
    await using admin = world.admin
    const plan = await admin.import(yaml({ db: { h: { b: 'N' } } }), { layer: world.layer })
    expect(plan.issues).not.toEqual([])
    await expect(plan.apply()).rejects.toMatchObject({ code: 'invalid_tree' })
  })
})

test('unset: names the place that was given, whatever its item is called', async () => {
  const of = z.object({ l: z.array(z.object({ h: text })).optional() })
  const world = await worldOf({ of, keys: { 'l/5/h': 'a', 'l/7/h': 'b' } })
  await using admin = world.admin
  for (const path of ['l.2', 'l.2.h', 'l.1.g'])
    await expect(admin.change({ layer: world.layer }).unset(path).plan()).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining(`"${path}"`),
    })
})
