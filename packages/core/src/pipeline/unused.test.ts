import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { envLayer, issuesOf, staged, storedLayer, type Tree } from './staged.test.kit.ts'
import { nearestName } from '../nearest-name.ts'

const unusedOf = (schema: z.core.$ZodType, tree: Tree) =>
  staged(schema)
    .patch(0, tree)
    .unused.map(({ pathText, didYouMean }) =>
      didYouMean === undefined ? pathText : `${pathText} → ${didYouMean}`,
    )

describe('unusedKeys: every key the schema has no place for', () => {
  const db = z.object({ host: z.string().optional(), poolSize: z.number().optional() })

  test.each<[string, z.core.$ZodType, Tree, string[]]>([
    ['in an object', z.object({ db }), { 'db/hots': 'x', 'db/host': 'x' }, ['db.hots → host']],
    [
      'spelled with other word breaks',
      z.object({ db }),
      { 'db/pool_size': '1', 'db/PoolSize': '1' },
      ['db.pool_size → poolSize', 'db.PoolSize → poolSize'],
    ],
    [
      'a whole subtree, key by key',
      z.object({ db }),
      { 'other/a': '1', 'other/b/c': '2' },
      ['other.a', 'other.b.c'],
    ],
    ['at the root', z.object({ db }), { bd: '1' }, ['bd → db']],
    ['below a leaf', z.object({ a: z.string() }), { a: 'x', 'a/b': '1' }, ['a.b']],
    ['below a leaf that is absent', z.object({ a: z.string().optional() }), { 'a/b': '1' }, ['a.b']],
    [
      'below a leaf in a record',
      z.object({ a: z.record(z.string(), z.number()) }),
      { 'a/b/c': '1' },
      ['a.b.c'],
    ],
    [
      'in an object in a record',
      z.object({ a: z.record(z.string(), db) }),
      { 'a/x/hosts': '1' },
      ['a.x.hosts → host'],
    ],
    [
      'in an object in a list',
      z.object({ a: z.array(db) }),
      { 'a/5/host': 'x', 'a/5/port': '1' },
      ['a.5.port'],
    ],
    [
      'in a tuple',
      z.object({ a: z.tuple([z.string(), db]) }),
      { 'a/x': 'x', 'a/y/hosts': 'x' },
      ['a.y.hosts → host'],
    ],
    ['in a map', z.object({ a: z.map(z.string(), db) }), { 'a/x/hosts': 'x' }, ['a.x.hosts → host']],
    ['in a refined object', z.object({ a: db.refine(() => true) }), { 'a/hosts': 'x' }, ['a.hosts → host']],
    [
      'below a leaf of a refined object',
      z.object({ o: z.object({ a: z.string().optional() }).refine(() => true) }),
      { 'o/a/b': '1' },
      ['o.a.b'],
    ],
    ['in an optional object', z.object({ a: db.optional() }), { 'a/hosts': 'x' }, ['a.hosts → host']],
    ...Object.entries({
      keys: { 'a/k': 'one', 'a/o/hosts': 'x', 'a/late': 'x', 'a/o/port': '1' },
      'the same in a list': { 'a/0/k': 'one', 'a/0/o/hosts': 'x', 'a/0/late': 'x', 'a/0/o/port': '1' },
    }).map(([form, tree]): [string, z.core.$ZodType, Tree, string[]] => {
      const tagged = z.discriminatedUnion('k', [
        z.object({ k: z.literal('one'), o: db.optional() }),
        z.object({ k: z.literal('two'), late: z.string(), o: z.object({ port: z.number() }) }),
      ])
      const [at, part] = form === 'keys' ? ['a', tagged] : ['a.0', z.array(tagged)]
      return [
        `of another option of a discriminated union, as ${form}`,
        z.object({ a: part }),
        tree,
        [`${at}.late`, `${at}.o.hosts → host`, `${at}.o.port`],
      ]
    }),
    [
      'in both options of a union',
      z.object({
        a: z.union([z.object({ o: db, k: z.string() }), z.object({ o: z.object({ port: z.number() }) })]),
      }),
      { 'a/o/port': '1', 'a/o/strange': '2' },
      ['a.o.strange'],
    ],
    [
      'on neither side of an intersection',
      z.object({ a: z.intersection(z.object({ o: db }), z.object({ o: z.object({ port: z.number() }) })) }),
      { 'a/o/port': '1', 'a/o/host': 'x', 'a/o/strange': '2' },
      ['a.o.strange'],
    ],
    [
      'below a union of scalars',
      z.object({ a: z.union([z.number(), z.boolean()]).optional() }),
      { 'a/b': '1' },
      ['a.b'],
    ],
    [
      'none where all is taken',
      z.object({ a: z.unknown(), b: z.looseObject({}), c: z.json() }),
      { 'a/x/y': '1', 'b/x/y': '1', 'c/x/y': '1' },
      [],
    ],
    [
      'none where all is taken by one option',
      z.object({ a: z.union([z.object({ x: z.number() }), z.unknown()]) }),
      { 'a/z/y': '1' },
      [],
    ],
    ['none where a catchall judges them', z.object({}).catchall(z.string()), { x: '1' }, []],
    [
      'none with names as on Object.prototype',
      z.object({ a: z.record(z.string(), z.string()) }),
      { 'a/constructor': 'x' },
      [],
    ],
    [
      'also with a name as on Object.prototype',
      z.object({}),
      { constructor: 'x', 'toString/x': 'y' },
      ['constructor', 'toString.x'],
    ],
  ])('%s', (_name, schema, tree, keys) => {
    expect(unusedOf(schema, tree).sort()).toEqual(keys.sort())
  })

  test('are told of with their origin, as long as they are there, and with their latest revision', () => {
    const { patch } = staged(z.object({ db, other: z.string().optional() }))
    expect(patch(0, { 'db/hots': 'x' }).unused).toMatchObject([
      { origin: { source: 'base', key: '/base/db/hots', revision: 1 } },
    ])
    expect(patch(1, { 'db/hots': 'x' }).unused).toHaveLength(2)
    expect(patch(0, { other: 'x', 'db/hots': 'y' }).unused.map(({ origin }) => origin.revision)).toEqual([
      3, 2,
    ])
    expect(patch(0, { 'db/hots': undefined }).unused).toHaveLength(1)
    expect(patch(1, { 'db/hots': undefined }).unused).toEqual([])
  })

  test('are told of once, also while a scalar covers the directory they are in', () => {
    const { patch } = staged(z.object({ a: z.object({ b: db }).nullable() }))
    const keys = ['a.b.hots', 'a.x']
    const names = (outcome: { unused: readonly { pathText: string }[] }) =>
      outcome.unused.map(({ pathText }) => pathText).sort()
    expect(names(patch(0, { 'a/b/hots': '1', 'a/x': '1' }))).toEqual(keys)
    expect(names(patch(1, { a: 'null' }))).toEqual(keys)
    expect(names(patch(1, { a: undefined }))).toEqual(keys)
    expect(names(patch(0, { 'a/b/hots': undefined, 'a/x': undefined }))).toEqual([])
  })

  test('what a null or another layer’s list hides is not told of from memory', () => {
    const item = z.object({ x: z.number().optional() })
    const { patch } = staged(z.object({ o: z.object({ l: z.array(item).optional() }).nullable() }), {
      layers: [storedLayer('file'), storedLayer('base'), storedLayer('prod')],
    })
    const names = (layer: number, tree: Tree) => patch(layer, tree).unused.map(({ pathText }) => pathText)
    expect(names(0, { 'o/l/0/y': '1' })).toEqual(['o.l.0.y'])
    expect(names(2, { o: 'null' })).toEqual(['o.l.0.y'])
    expect(names(1, { 'o/l/0/x': '1' })).toEqual([])
    expect(names(1, { 'o/l/0/z': '1' })).toEqual(['o.l.0.z'])
    expect(names(2, { o: undefined })).toEqual(['o.l.0.z'])
    expect(names(1, { 'o/l/0/x': undefined, 'o/l/0/z': undefined })).toEqual(['o.l.0.y'])
  })

  test('what a null hides of a directory that has keys above it is not told of either', () => {
    const inner = z.object({ x: z.string().optional() })
    const o = z.object({
      r: z.record(z.string(), z.object({ p: inner })),
      q: z.object({ p: z.object({ p: inner }) }).optional(),
    })
    const { patch } = staged(z.object({ o: o.nullable() }), {
      layers: [storedLayer('file'), storedLayer('base'), storedLayer('prod')],
    })
    const names = (layer: number, tree: Tree) =>
      patch(layer, tree)
        .unused.map(({ pathText }) => pathText)
        .sort()
    const keys = ['o.q.p.p.zzz', 'o.r.k.p.zzz']
    expect(names(0, { 'o/r/k/p/zzz': '1', 'o/q/p/p/zzz': '1' })).toEqual(keys)
    expect(names(1, { o: 'null' })).toEqual(keys)
    expect(names(2, { 'o/r/j/p/x': '1' })).toEqual([])
    expect(names(1, { o: undefined })).toEqual(keys)
  })

  test('a key that gets a value of its own is unused no more, what is below it still is', () => {
    const { patch } = staged(z.object({ a: z.record(z.string(), z.number()), b: z.number().optional() }))
    const names = (tree: Tree) => patch(0, tree).unused.map(({ pathText }) => pathText)
    expect(names({ 'a/x/y': '1', 'b/z': '1' })).toEqual(['a.x.y', 'b.z'])
    expect(names({ 'a/x': '1', b: '1' })).toEqual(['a.x.y', 'b.z'])
    expect(names({ 'a/x': undefined, b: undefined })).toEqual(['a.x.y', 'b.z'])
    expect(names({ 'a/x/y': undefined, 'b/z': undefined })).toEqual([])
  })

  test('environment variables, in the names that they have', () => {
    const { patch } = staged(z.object({ poolSize: z.number().optional() }), { layers: [envLayer] })
    const outcome = patch(0, { POOL_SIZ: '1', poolSize: '2', pool_size: '3' })
    expect(outcome.unused).toMatchObject([
      { origin: { key: 'APP_POOL_SIZ' }, didYouMean: 'APP_POOL_SIZE' },
      { origin: { key: 'APP_poolSize' }, reason: expect.stringMatching('upper case') },
      { origin: { key: 'APP_pool_size' }, reason: expect.stringMatching('upper case') },
    ])
  })

  test('3,000 of them in one record are found in one go', () => {
    const count = 3_000
    const tree = Object.fromEntries(Array.from({ length: count }, (_, n) => [`a/k${n}/x`, '1']))
    let looks = 0
    const value = new Proxy(z.number(), {
      get: (target, name, receiver) => {
        if (name === '_zod') looks++
        return Reflect.get(target, name, receiver)
      },
    })
    expect(unusedOf(z.object({ a: z.record(z.string(), value) }), tree)).toHaveLength(count)
    expect(looks).toBeLessThan(count)
  })
})

describe('unusedIssues: unused keys are rejected where the definition says so', () => {
  test('each with its key and what may have been meant, and heals', () => {
    const schema = z.object({
      db: z.object({ host: z.string().default('x') }),
      hosts: z.record(z.string(), z.string()),
    })
    const { patch } = staged(schema, { unused: 'reject', layers: [storedLayer('base')] })
    const issues = issuesOf(patch(0, { 'db/hots': 'x', 'a.b/c': 'y', 'hosts/x%41': 'z' }))
    expect(issues).toMatchObject([
      { code: 'unused', path: ['a.b', 'c'], pathText: '"a.b".c' },
      {
        code: 'unused',
        path: ['db', 'hots'],
        message: 'The schema does not know this key. Did you mean "host"?',
        origins: [{ key: '/base/db/hots', revision: 1 }],
      },
      {
        code: 'unused',
        origins: [{ key: '/base/hosts/x%41' }],
        message: expect.stringMatching('has to be written xA'),
      },
    ])
    expect(patch(0, { 'db/hots': undefined, 'a.b/c': undefined, 'hosts/x%41': undefined })).toMatchObject({
      type: 'accepted',
      unused: [],
    })
  })

  test.each(['ignore', 'warn', undefined] as const)('%s: they are told of and nothing more', (unused) => {
    const options = unused === undefined ? {} : { unused }
    expect(staged(z.object({}), options).patch(0, { a: 'x' })).toMatchObject({
      type: 'accepted',
      unused: [{ pathText: 'a' }],
    })
  })
})

test('reported: lists these keys alone, also where their layer ignores them', () => {
  const layer = { ...storedLayer('base'), unused: 'ignore' } as const
  const reported = new Set(['/base/hots'])
  const { patch } = staged(z.object({ host: z.string().optional() }), { layers: [layer], reported })
  expect(patch(0, { hots: 'x', strange: 'x' }).unused).toMatchObject([
    { pathText: 'hots', didYouMean: 'host' },
  ])
})

test.each<readonly [name: string, known: string[], nearest: string | undefined]>([
  ['hots', ['host', 'port'], 'host'],
  ['timeout-ms', ['timeoutMs'], 'timeoutMs'],
  ['TIMEOUT_MS', ['timeoutMs'], 'timeoutMs'],
  ['ab', ['xy'], undefined],
  ['completely', ['different'], undefined],
  ['', ['a'], 'a'],
  ['a', ['b', 'c'], undefined],
  ['A', ['b', 'a'], 'a'],
])('nearestName: %s of %j is %s', (name, known, nearest) => {
  expect(nearestName(name, known)).toBe(nearest)
})

test('nearestName: a very long name is near to nothing', () => {
  expect(nearestName('x'.repeat(1_000_000), ['a', 'timeoutMs'])).toBeUndefined()
})

describe('UnusedKeyList: the same list until one of its keys changes', () => {
  const schema = z.object({
    a: z.string().optional(),
    db: z.object({ host: z.string().optional() }),
    list: z.array(z.object({ x: z.string() })).optional(),
  })
  const start = { 'old/x': '1', 'db/prot': '1', strange: '1', list: '[{"x":"1","y":"2"}]', a: '1' }

  test('not listed again where others change', () => {
    const { patch } = staged(schema)
    const { unused } = patch(0, start)
    expect(unused.map(({ pathText }) => pathText)).toEqual(['db.prot', 'list.0.y', 'old.x', 'strange'])
    for (const leaves of [{ a: '2' }, { 'db/host': 'h' }, { a: undefined }, { 'db/host': undefined }, {}])
      expect(patch(0, leaves).unused).toBe(unused)
  })

  test.each<Tree>([
    { strange: '2' },
    { strange: '1' },
    { strange: undefined },
    { 'old/x': undefined },
    { 'old/y/z': '1' },
    { 'db/prot': '1' },
    { 'db/more': '1' },
    { list: undefined },
    { list: '[{"x":"1","z":"2"}]' },
    { '%zz': '1' },
    { '': '{"db":{"other":1}}' },
  ])('listed as a fresh instance lists them after %j', (change) => {
    const { patch, pipeline } = staged(schema)
    patch(0, start)
    patch(1, { a: '2' })
    const after = patch(0, change)
    const again = staged(schema)
    again.patch(0, start)
    again.patch(1, { a: '2' })
    const fresh = again.replace(
      0,
      Object.fromEntries(Object.entries({ ...start, ...change }).filter(([, value]) => value !== undefined)),
    )
    const reported = (outcome: typeof after) =>
      outcome.unused.map((key) => [key.pathText, key.origin.key, key.didYouMean])
    expect(reported(after)).toEqual(reported(fresh))
    const changed = after.unused.find(({ origin }) => origin.key === `/base/${Object.keys(change)[0]}`)
    if (changed !== undefined) expect(changed.origin.revision).toBe(3)
    expect(pipeline.evaluate().unused).toBe(after.unused)
  })
})

test('of an environment variable, the variable that may have been meant is named', () => {
  const schema = z.object({
    http: z.object({ timeoutMs: z.string().optional(), portNumber: z.string().optional() }),
  })
  const outcome = staged(schema, { layers: [envLayer, storedLayer('base')] })
  outcome.patch(0, { HTTP__TIMEOUTMS: '1', HTPP__PORT_NUMBER: '1' })
  const { unused } = outcome.patch(1, { 'http/timeoutMS': '1' })
  expect(Object.fromEntries(unused.map(({ origin, didYouMean }) => [origin.key, didYouMean]))).toEqual({
    APP_HTPP__PORT_NUMBER: 'APP_HTTP__PORT_NUMBER',
    APP_HTTP__TIMEOUTMS: 'APP_HTTP__TIMEOUT_MS',
    '/base/http/timeoutMS': 'timeoutMs',
  })
})
