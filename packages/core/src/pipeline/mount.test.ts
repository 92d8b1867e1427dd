import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { compileSchema } from '../schema/compile-schema.ts'
import type { LayerInfo, Leaf, RemovalPermission } from '../source/source.ts'
import { createPipeline, type PipelineOptions } from './create-pipeline.ts'
import type { Tree } from './staged.test.kit.ts'

const layer = (name: string, more: Partial<LayerInfo> = {}): LayerInfo => ({
  name,
  keyPrefix: `/${name}/`,
  separator: '/',
  naming: 'stored',
  ...more,
})

const redis = z.object({ host: z.string().default('none'), maxRetries: z.int().default(1) })
const schema = z.object({
  name: z.string().default('app'),
  redis,
  cache: z.object({ redis: redis.optional() }).optional(),
  tenants: z.record(z.string(), z.object({ plan: z.string() })).optional(),
  raw: z.any().optional(),
})

/** One source with these layers, fed by hand. */
function source(layers: readonly LayerInfo[], options: PipelineOptions = {}, of: z.ZodType = schema) {
  const naming = options.isRenamed === true ? 'kebab-case' : 'exact'
  const pipeline = createPipeline<unknown>(compileSchema(of, { naming }), [{ name: 'etcd', layers }], options)
  let revision = 0
  const leavesOf = (tree: Tree): Leaf[] =>
    Object.entries(tree).map(([path, value]) => ({ path, value, revision }))
  return {
    pipeline,
    replace(trees: readonly Tree[], allowRemoval: RemovalPermission = false) {
      revision++
      const update = { revision, epoch: 0, layers: trees.map(leavesOf), allowRemoval }
      pipeline.stage(0, { type: 'replace', update })
      return pipeline.evaluate()
    },
    patch(layer: number, tree: Tree, allowRemoval: RemovalPermission = false) {
      revision++
      const changes = leavesOf(tree).map((leaf) => ({ layer, leaf }))
      pipeline.stage(0, { type: 'patch', update: { revision, changes, allowRemoval } })
      return pipeline.evaluate()
    },
  }
}

const shared = layer('shared/redis', { at: 'redis', unused: 'ignore' })
const own = layer('own')

describe('LayerInfo.at: a layer mounted in the schema', () => {
  test('its own document is named by the key that the store has for it, as is a scalar that is missing', () => {
    const url = layer('url', { at: 'redis.host', documentKey: '/url/' })
    const whole = layer('whole', { documentKey: '/whole/' })
    const { pipeline, replace } = source(
      [url, whole],
      {},
      z.object({ redis: z.object({ host: z.string() }) }),
    )
    expect(replace([{}, {}])).toMatchObject({ issues: [{ message: expect.stringContaining('Set /url/') }] })
    expect(replace([{ '': 'a' }, { '': '{"stray":1}' }])).toMatchObject({ type: 'accepted' })
    expect(pipeline.explain('redis.host').layers[0]?.origin.key).toBe('/url/')
    expect(pipeline.explain('stray').layers[0]?.origin.key).toBe('/whole/')
    expect(pipeline.explain('').layers[0]?.origin.key).toBe('/whole/')
  })

  const mount = { at: 'redis', unused: 'ignore' } as const
  const [base, prod] = [layer('base'), layer('prod')]
  const zone = layer('zone', { unused: 'ignore', mayBeMissing: true })
  const local = layer('local', { mayBeMissing: true })
  test.each<[string, readonly LayerInfo[], readonly number[], string]>([
    ['the last of its own', [base, prod], [], '/prod/'],
    ['none that others share', [base, prod, zone], [2], '/prod/'],
    ['none that others share, wherever that is', [zone, base, prod], [], '/prod/'],
    [
      'an own one that may be missing before a shared one',
      [layer('all', { unused: 'ignore' }), local],
      [],
      '/local/',
    ],
    ['none that may be missing, and holds nothing', [base, local], [], '/base/'],
    ['one that may be missing and is in use', [base, local], [1], '/local/'],
    [
      'what there is, if all of it is shared or may be missing',
      [layer('all', { unused: 'ignore' }), zone],
      [],
      '/all/',
    ],
    ['the only one', [zone], [], '/zone/'],
    ['the shared one that is mounted for it', [layer('redis', mount), base, prod, zone], [], '/redis/'],
    [
      'of those mounted for it, one that is there',
      [layer('redis', mount), layer('zone-redis', { ...mount, mayBeMissing: true }), base],
      [],
      '/redis/',
    ],
  ])('a missing value is asked for in %s', (_name, layers, filled, directory) => {
    const { replace } = source(layers, {}, z.object({ redis: z.object({ host: z.string(), a: z.any() }) }))
    const trees = layers.map(({ at }, index): Tree => {
      if (!filled.includes(index)) return {}
      return at === undefined ? { 'redis/a': '1' } : { a: '1' }
    })
    const key = `${directory}${directory.endsWith('redis/') ? '' : 'redis/'}host`
    const outcome = replace(trees) as { issues: readonly { pathText: string; message: string }[] }
    const issue = outcome.issues.find(({ pathText }) => pathText === 'redis.host')
    expect(issue?.message).toMatch(new RegExp(`Set ${key}$`))
  })

  test('a missing value is asked for by the key that the store has, under a namespace', () => {
    const { replace, pipeline } = source(
      [layer('own', { namespace: '/ns%\udcff' })],
      {},
      z.object({ a: z.string() }),
    )
    expect(replace([{}])).toMatchObject({
      issues: [{ message: expect.stringMatching(/Set \/ns\\xFF\/own\/a$/) }],
    })
    replace([{ a: 'x' }])
    expect(pipeline.explain('a').layers[0]?.origin.key).toBe('/own/a')
  })

  test('its own document is named by the key that its source says it is read from', () => {
    const { pipeline } = source([layer('prod', { documentKey: '/prod' })])
    const leaf = { path: '', value: '{"name":"a"}', revision: 1 }
    const keyOf = () => pipeline.explain('name').layers[0]?.origin.key
    const replace = (leaves: readonly Leaf[]) => {
      pipeline.stage(0, { type: 'replace', update: { revision: 1, epoch: 0, layers: [leaves] } })
      expect(pipeline.evaluate().type).not.toBe('rejected')
    }
    replace([{ ...leaf, key: '/prod/' }])
    expect(keyOf()).toBe('/prod/')
    const bad = { layer: 0, leaf: { ...leaf, value: '{"name":1,"redis":2}' } }
    expect(pipeline.attempt(0, [{ revision: 2, changes: [bad] }])).toBeUndefined()
    expect(keyOf()).toBe('/prod/')
    replace([leaf])
    expect(keyOf()).toBe('/prod')
    replace([{ ...leaf, key: '/prod/' }])
    replace([])
    expect(pipeline.explain('').layers.map(({ origin }) => origin.key)).not.toContain('/prod/')
  })

  test('its keys stand below the mount, and every message names the key in the store', () => {
    const { pipeline, replace, patch } = source([shared, own])
    expect(replace([{ host: 'a' }, {}])).toMatchObject({ value: { redis: { host: 'a', maxRetries: 1 } } })
    expect(pipeline.explain('redis.host').layers[0]!.origin.key).toBe('/shared/redis/host')
    expect(patch(0, { maxRetries: 'many' })).toMatchObject({
      issues: [{ pathText: 'redis.maxRetries', origins: [{ key: '/shared/redis/maxRetries' }] }],
    })
    expect(patch(0, { maxRetries: undefined })).toMatchObject({ value: { redis: { host: 'a' } } })
  })

  test('a part of an own directory that is mounted elsewhere is no unknown key of the own one', () => {
    const part = layer('own/shared', { at: 'redis', unused: 'ignore' })
    const { replace, patch } = source([own, part], { unused: 'reject' })
    const both = { 'shared/host': 'a', 'shared/deep/x': '1', 'shared/x%41': '1', name: 'n' }
    const trees = [both, { host: 'a', 'deep/x': '1', 'x%41': '1' }]
    expect(replace(trees)).toMatchObject({ value: { name: 'n', redis: { host: 'a' } }, unused: [] })
    // what only looks like it, and what stands beside it, is
    for (const stray of ['shared', 'shared2/host', 'sharing', 'x/shared/host']) {
      const key = `/own/${stray}`
      expect(patch(0, { [stray]: '1' })).toMatchObject({ issues: [{ code: 'unused', origins: [{ key }] }] })
      expect(patch(0, { [stray]: undefined })).toMatchObject({ unused: [] })
    }
  })

  test('a part of an own directory is reported where its own layer says so', () => {
    const part = layer('own/shared', { at: 'redis', unused: 'warn' })
    const { replace } = source([own, part])
    const { unused } = replace([{ 'shared/hots': 'a' }, { hots: 'a' }])
    expect(unused.map(({ origin, pathText }) => [origin.layer, origin.key, pathText])).toEqual([
      ['own/shared', '/own/shared/hots', 'redis.hots'],
    ])
  })

  const lists = z.object({
    list: z.array(z.string()).optional(),
    pair: z.tuple([redis, redis]).optional(),
    either: z.union([z.array(z.string()), z.record(z.string(), z.string())]).optional(),
    deep: z.array(z.object({ host: z.string() })).optional(),
    sets: z.record(z.string(), z.set(z.string())).optional(),
  })

  test.each([
    ['list.1', 'list'],
    ['list.x', 'list'],
    ['list."-1"', 'list'],
    ['pair.0', 'pair'],
    ['deep.0.host', 'deep'],
    ['sets.a.b', 'sets.a'],
  ])('a mount inside a list, %s, is refused: one layer supplies a list whole', (at, list) => {
    const refusal = expect.objectContaining({
      code: 'invalid_options',
      message: expect.stringContaining(
        `inside a list, and a list is supplied whole by one layer. Mount it at "${list}"`,
      ),
    })
    expect(() => source([layer('x', { at })], {}, lists)).toThrow(refusal)
  })

  test.each(['list', 'pair', 'deep', 'sets.a', 'either.name'])(
    'a mount at a list, %s, is none inside',
    (at) => {
      expect(() => source([layer('x', { at })], {}, lists)).not.toThrow()
    },
  )

  test('another layer adds to it and covers it, leaf by leaf', () => {
    const { pipeline, replace } = source([shared, own])
    const outcome = replace([{ host: 'a', maxRetries: '2' }, { 'redis/maxRetries': '7' }])
    expect(outcome).toMatchObject({ value: { redis: { host: 'a', maxRetries: 7 } } })
    expect(pipeline.explain('redis.maxRetries').layers.map(({ origin }) => origin.key)).toEqual([
      '/own/redis/maxRetries',
      '/shared/redis/maxRetries',
    ])
  })

  test('its own document, and one inside, stand there too', () => {
    const { pipeline, replace } = source([shared, own])
    expect(replace([{ '': '{"host":"a","maxRetries":3}' }, {}])).toMatchObject({
      value: { redis: { host: 'a', maxRetries: 3 } },
    })
    expect(pipeline.explain('redis.host').layers[0]!.origin.key).toBe('/shared/redis')
    const conflict = replace([{ '': '{"host":"a"}', maxRetries: '3' }, {}])
    expect(conflict).toMatchObject({
      issues: [
        { code: 'conflict', origins: [{ key: '/shared/redis' }, { key: '/shared/redis/maxRetries' }] },
      ],
    })
  })

  test('what the schema requires and no layer has is asked for where it belongs', () => {
    const strict = z.object({ redis: z.object({ host: z.string() }), name: z.string() })
    const { replace } = source([shared, own], {}, strict)
    const outcome = replace([{}, {}])
    const messages = outcome.type === 'rejected' ? outcome.issues.map(({ message }) => message) : []
    expect(messages.join(' ')).toMatch(/Set \/shared\/redis\/host/)
    expect(messages.join(' ')).toMatch(/Set \/own\/name/)
  })

  test('names are written by the naming of the definition, the mount by the schema', () => {
    const at = layer('shared', { at: 'cache.redis' })
    const { pipeline, replace } = source([at, own], { isRenamed: true })
    expect(replace([{ 'max-retries': '4' }, {}])).toMatchObject({
      value: { cache: { redis: { maxRetries: 4 } } },
    })
    expect(pipeline.explain('cache.redis.maxRetries').layers[0]!.origin.key).toBe('/shared/max-retries')
  })

  test('a document that writes a property twice, and a key that has no place, are named as the store has them', () => {
    const ours = layer('shared/redis', { at: 'redis' })
    const { replace } = source([ours, own], { isRenamed: true })
    const { unused } = replace([{ '': '{"max-retries":1,"maxRetries":2}', 'x%41': '1' }, {}])
    expect(unused.map(({ origin }) => origin.key)).toEqual(
      expect.arrayContaining(['/shared/redis/maxRetries', '/shared/redis/x%41']),
    )
  })

  test('the leaves of a layer are given back as they came, for the snapshot on disk', () => {
    const { pipeline, replace } = source([shared, own])
    const trees = [
      { host: 'a', '': undefined },
      { name: 'x', 'redis/maxRetries': '2' },
    ]
    replace(trees)
    const leaves = pipeline.leaves(0, { withSecrets: true })
    expect(leaves.map((each) => each.map(({ path }) => path))).toEqual([
      ['host'],
      ['name', 'redis/maxRetries'],
    ])
  })

  test('one prefix at two places', () => {
    const twice = ['redis', 'cache.redis'].map((at) => layer('shared/redis', { at, name: `shared at ${at}` }))
    const { replace } = source(twice)
    expect(replace([{ host: 'a' }, { host: 'a' }])).toMatchObject({
      value: { redis: { host: 'a' }, cache: { redis: { host: 'a' } } },
    })
  })

  test.each(['redis', 'cache', 'cache.redis', 'tenants.acme', 'tenants."a.b"', 'raw.any', 'redis.host'])(
    'the schema has %s',
    (at) => {
      expect(() => source([layer('x', { at })])).not.toThrow()
    },
  )

  test.each([
    ['redsi', /"redsi", which the schema does not have\. Did you mean "redis"\?/],
    ['cache.rediss', /Did you mean "cache\.redis"\?/],
    ['chache.redis', /Did you mean "cache\.redis"\?/],
    ['plan', /At its top it has: name, redis, cache, tenants, raw/],
    ['maxRetries', /Did you mean "redis\.maxRetries"\?/],
    ['redis.host.x', /Did you mean "redis\.host"\?/],
    ['redis.host.something', /At "redis\.host" it has no named parts/],
    ['tenants.__proto__', /does not have/],
    ['__proto__', /does not have/],
    ['redis/host', /Did you mean "redis\.host"\?/],
  ])('%s is refused with what was meant', (at, message) => {
    expect(() => source([layer('x', { at })])).toThrow(message)
    expect(() => source([layer('x', { at })])).toThrow(expect.objectContaining({ code: 'invalid_options' }))
  })
})

describe('LayerInfo.unused', () => {
  const trees = [
    { host: 'a', strange: '1', 'x%41': '1' },
    { odd: '1', 'redis/hots': '1' },
  ]

  test('keys of a layer that says ignore are not reported, those of others are', () => {
    const { unused } = source([shared, own]).replace(trees)
    expect(unused.map(({ origin }) => origin.key)).toEqual(['/own/odd', '/own/redis/hots'])
  })

  test('neither do they make the tree invalid where the definition rejects unused keys', () => {
    const strict = source([shared, own], { unused: 'reject' })
    expect(strict.replace([{ host: 'a', strange: '1' }, {}]).type).toBe('accepted')
    expect(strict.patch(1, { odd: '1' }).type).toBe('rejected')
  })

  test('warn: they are', () => {
    const { unused } = source([{ ...shared, unused: 'warn' }, own]).replace(trees)
    expect(unused.map(({ origin }) => origin.key)).toContain('/shared/redis/strange')
  })
})

describe('RemovalPermission: for some layers of a source', () => {
  const flags = z.object({ a: z.record(z.string(), z.string()), b: z.record(z.string(), z.string()) })
  const of = (letter: string) =>
    layer(letter, { at: letter, removalCommand: `put /${letter}/.livetree/allow-removal` })
  const keys = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`k${n}`, 'x']))
  const gone = Object.fromEntries(Object.keys(keys).map((key) => [key, undefined]))
  const start = () => {
    const fed = source([of('a'), of('b')], {}, flags)
    fed.replace([keys, keys])
    return fed
  }

  test('covers removals from these layers and no other, and the refusal names their commands', () => {
    const { replace, patch } = start()
    const refused = replace([{ k0: 'x' }, { k0: 'x' }])
    const said = refused.type === 'rejected' ? refused.issues.map(({ message }) => message).join() : ''
    expect(said).toMatch(/put \/a\/\.livetree\/allow-removal; put \/b\/\.livetree\/allow-removal/)
    expect(patch(0, {}, [0]).type).toBe('rejected')
    expect(patch(1, {}, [1]).type).toBe('accepted')
  })

  describe('each directory is judged by itself', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`k${n}`, 'x']))
    const startLarge = () => {
      const fed = source([of('a'), of('b')], {}, flags)
      fed.replace([keys, many])
      return fed
    }

    test('a small one that is emptied, though it is a small part of the source', () => {
      const { patch } = startLarge()
      const refused = patch(0, { ...gone, k0: 'x' })
      const [issue] = refused.type === 'rejected' ? refused.issues : []
      expect(issue?.message).toMatch(
        /^Removes 9 of the 10 leaves of a \(90 %; more than 50 % within 10 minutes\)/,
      )
      expect(issue?.message).toMatch(/say that it is meant: put \/a\/\.livetree\/allow-removal$/)
      expect(patch(0, {}, [1]).type).toBe('rejected')
      expect(patch(0, {}, [0]).type).toBe('accepted')
    })

    test('also key by key, and healed by what is put back', () => {
      const { patch } = startLarge()
      const types = Object.keys(keys).map((key) => patch(0, { [key]: undefined }).type)
      expect(types).toEqual([...Array(5).fill('accepted'), ...Array(5).fill('rejected')])
      expect(patch(0, keys)).toMatchObject({ type: 'accepted', value: { a: keys } })
    })

    test('leaves that move to another directory of the source are no removal', () => {
      const both = z.object({ a: z.record(z.string(), z.string()) })
      const { replace } = source([of('a'), layer('own', { removalCommand: 'put /own' })], {}, both)
      const moved = Object.fromEntries(Object.keys(keys).map((key) => [`a/${key}`, 'x']))
      replace([keys, {}])
      expect(replace([{}, moved]).type).toBe('unchanged')
    })

    test('the layers of one command are judged together', () => {
      const one = { removalCommand: 'put /c' }
      const { replace } = source(
        [layer('x', { at: 'a', ...one }), layer('y', { at: 'b', ...one })],
        {},
        flags,
      )
      replace([keys, many])
      expect(replace([{ k0: 'x' }, many]).type).toBe('accepted')
    })
  })

  test('one for another layer allows nothing, also where its own write removes nothing', () => {
    const { patch } = start()
    expect(patch(0, gone, [1]).type).toBe('rejected')
    expect(patch(1, {}, [1]).type).toBe('rejected')
    expect(patch(0, {}, [0]).type).toBe('accepted')
  })
})

describe('assertReadOnce: no key is brought to one place twice', () => {
  const at = (keyPrefix: string, place?: string) =>
    layer(keyPrefix, { keyPrefix, ...(place && { at: place }) })
  const TWICE: readonly (readonly [string, string, readonly LayerInfo[]])[] = [
    ['at the top and at its own name', 'redis', [at('/c/'), at('/c/redis/', 'redis')]],
    ['in any order', 'redis', [at('/c/redis/', 'redis'), at('/c/')]],
    ['below a mount', 'cache.redis', [at('/c/s/', 'cache'), at('/c/s/redis/', 'cache.redis')]],
    ['at a place written otherwise', 'redis', [at('/c/', 'redis'), at('/c/', '"redis"')]],
    ['at a name that is encoded', 'tenants.a/b', [at('/c/'), at('/c/tenants/a%2Fb/', 'tenants.a/b')]],
    ['where the schema takes anything', 'raw.x', [at('/c/'), at('/c/raw/x/', 'raw.x')]],
  ]

  test.each(TWICE)('%s', (_name, place, layers) => {
    expect(() => source(layers)).toThrow(
      expect.objectContaining({
        code: 'invalid_options',
        message: expect.stringContaining(` at "${place}". `),
      }),
    )
    expect(() => source(layers)).toThrow(/The layers \/\S+ and \/\S+ both read the keys below \/c\/\S* at/)
  })

  test('at the top, and where naming writes it otherwise', () => {
    expect(() => source([at('/c/'), at('/c/')])).toThrow(
      /both read the keys below \/c\/ at the top of the schema/,
    )
    const deep = z.object({ hotCache: z.object({ redis: redis.optional() }).optional() })
    const layers = [at('/c/'), at('/c/hot-cache/', 'hotCache')]
    expect(() => source(layers, { isRenamed: true }, deep)).toThrow(/at "hotCache"/)
  })

  test.each<[string, readonly LayerInfo[]]>([
    ['a part at another place', [at('/c/'), at('/c/redis/', 'cache.redis')]],
    ['a part of a mount, at another place', [at('/c/', 'cache'), at('/c/redis/', 'redis')]],
    ['a name that only begins alike', [at('/c/'), at('/c2/redis/', 'redis')]],
    ['one directory at two places', [at('/c/', 'redis'), at('/c/', 'cache.redis')]],
    ['what cannot be placed', [at('/c/'), at('/c/%/', 'redis')]],
  ])('%s is taken', (_name, layers) => {
    expect(() => source(layers)).not.toThrow()
  })
})
