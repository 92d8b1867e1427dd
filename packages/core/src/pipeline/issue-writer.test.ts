import { describe, expect, test } from 'vitest'
import { Unreadable } from '../source/source.ts'
import * as z from 'zod'
import { envLayer, issuesOf, staged, storedLayer, acceptedValue } from './staged.test.kit.ts'

const schema = z.object({
  http: z.object({ port: z.number().int().max(65_535), timeoutMs: z.number().positive() }),
  level: z.enum(['debug', 'info']),
  hosts: z.array(z.object({ name: z.string(), weight: z.number() })),
  id: z.uuid(),
  size: z.number().multipleOf(5),
})

const WITH_ENV = { layers: [storedLayer('base'), storedLayer('prod'), envLayer] }

const both = z.intersection(
  z.object({ x: z.number() }),
  z.object({ x: z.number(), y: z.string().optional() }),
)
const twice = z.string().min(2, 'short').regex(/\d/, 'no digit')

describe('IssueWriter: all that is wrong at once', () => {
  test('each with its path, key, revision, what was expected and what was found', () => {
    const { patch } = staged(schema)
    patch(0, { 'http/port': '70000', 'hosts/b/weight': '1', 'hosts/a/weight': 'much', 'hosts/a/name': 'a' })
    const issues = issuesOf(patch(1, { level: 'loud', id: '7', size: '7' }))
    const shown = issues.map(({ pathText, code, expected, received, origins }) => ({
      pathText,
      code,
      expected,
      received,
      origins: origins.map(({ source, key, revision }) => `${source} ${key} ${revision}`),
    }))
    expect(shown).toEqual([
      {
        pathText: 'http.port',
        code: 'too_big',
        expected: 'number <= 65535',
        received: '"70000"',
        origins: ['base /base/http/port 1'],
      },
      {
        pathText: 'http.timeoutMs',
        code: 'invalid_type',
        expected: 'number',
        received: undefined,
        origins: [],
      },
      {
        pathText: 'level',
        code: 'invalid_value',
        expected: '"debug" | "info"',
        received: '"loud"',
        origins: ['prod /prod/level 2'],
      },
      {
        pathText: 'hosts.0.weight',
        code: 'invalid_type',
        expected: 'number',
        received: '"much"',
        origins: ['base /base/hosts/a/weight 1'],
      },
      {
        pathText: 'hosts.1.name',
        code: 'invalid_type',
        expected: 'string',
        received: undefined,
        origins: [],
      },
      {
        pathText: 'id',
        code: 'invalid_format',
        expected: 'uuid',
        received: '"7"',
        origins: ['prod /prod/id 2'],
      },
      {
        pathText: 'size',
        code: 'not_multiple_of',
        expected: 'a multiple of 5',
        received: '"7"',
        origins: ['prod /prod/size 2'],
      },
    ])
    expect(issues.every((issue) => Object.isFrozen(issue))).toBe(true)
  })

  test('a missing value says which keys would set it, in the tree and in the environment', () => {
    const { patch } = staged(schema, { ...WITH_ENV, naming: 'kebab-case' })
    const missing = issuesOf(patch(0, { 'http/port': '1' })).find(
      ({ pathText }) => pathText === 'http.timeoutMs',
    )
    expect(missing?.message).toMatch('Set /prod/http/timeout-ms or APP_HTTP__TIMEOUT_MS')
  })

  test('a missing value in a named list says which of them', () => {
    const { patch } = staged(z.object({ hosts: z.array(z.object({ name: z.string() })) }))
    const [issue] = issuesOf(patch(0, { 'hosts/a/name': 'a', 'hosts/b/other': 'x' }))
    expect(issue).toMatchObject({ pathText: 'hosts.1.name', path: ['hosts', 1, 'name'] })
    expect(issue?.message).toContain('Set /prod/hosts/b/name')
  })

  test('with neither, it says that nothing is set', () => {
    const memory = { name: 'memory', keyPrefix: '', separator: '/', naming: 'exact' } as const
    const [issue] = issuesOf(staged(z.object({ a: z.string() }), { layers: [memory] }).patch(0, {}))
    expect(issue?.message).toMatch(/Nothing is set$/)
  })

  test('the issue of a whole tree names no key to set', () => {
    const empty = z.object({ a: z.string().optional() }).refine(() => false, 'not so')
    expect(issuesOf(staged(empty).patch(0, {}))).toMatchObject([
      { path: [], pathText: '', message: 'not so' },
    ])
  })

  test('what came as one value is named by its key: a list as JSON, an object as a document, a variable', () => {
    const { patch } = staged(schema, WITH_ENV)
    patch(0, { http: '{"port": "x", "timeoutMs": 1}', hosts: '[{"name": "a", "weight": "much"}]' })
    const issues = issuesOf(patch(2, { LEVEL: 'loud' }))
    const keys = issues.map(({ pathText, origins }) => [pathText, origins[0]?.key])
    expect(keys).toContainEqual(['http.port', '/base/http'])
    expect(keys).toContainEqual(['hosts.0.weight', '/base/hosts'])
    expect(keys).toContainEqual(['level', 'APP_LEVEL'])
  })

  test.each<[string, z.ZodType, unknown, string]>([
    ['long text, cut', z.number(), 'x'.repeat(100), `"${'x'.repeat(79)}…`],
    ['typed', z.string(), { a: [1] }, '{"a":[1]}'],
    ['a bigint', z.string(), 5n, '5n'],
    ['bigints inside', z.string(), [5n], '["5"]'],
    ['a function', z.string(), test.call, 'function call() { [native code] }'],
    ['null', z.string(), null, 'null'],
  ])('received: %s', (_name, it, value, received) => {
    expect(issuesOf(staged(z.object({ it })).patch(0, { it: value }))[0]?.received).toBe(received)
  })

  test('received: a value whose toJSON throws is still shown', () => {
    const value = {
      toJSON: () => {
        throw new Error('no')
      },
    }
    expect(issuesOf(staged(z.object({ it: z.string() })).patch(0, { it: value }))[0]?.received).toBe(
      '[object Object]',
    )
  })

  test.each<[string, z.ZodType, object, string[]]>([
    ['an intersection that is absent', z.object({ it: both }), {}, ['it']],
    ['in a refined object', z.object({ it: both }).refine(() => true), {}, ['it']],
    ['a part that both sides refuse', z.object({ it: both }), { 'it/x': 'no' }, ['it.x']],
    ['in a list', z.object({ it: z.array(both) }), { it: '[{"x": "no"}, {}]' }, ['it.0.x', 'it.1.x']],
    ['two different words of one place', z.object({ it: twice }), { it: 'x' }, ['it', 'it']],
  ])('what both sides of an intersection say is said once: %s', (_name, schema, tree, paths) => {
    expect(issuesOf(staged(schema).patch(0, { ...tree })).map(({ pathText }) => pathText)).toEqual(paths)
  })

  test('unions say what each of their options would have had', () => {
    const it = z.union([z.object({ a: z.number() }), z.boolean()])
    const [issue] = issuesOf(staged(z.object({ it })).patch(0, { 'it/a': 'x' }))
    expect(issue?.message).toBe(
      'Invalid input: a: Invalid input: expected number, received string; or Invalid input: expected boolean, received object',
    )
  })

  test('a path speaks of record keys as they are, quoted where they hold a dot', () => {
    const { patch } = staged(z.object({ it: z.record(z.string(), z.number()) }))
    expect(issuesOf(patch(0, { 'it/a.b': 'x' }))).toMatchObject([
      { pathText: 'it."a.b"', path: ['it', 'a.b'], origins: [{ key: '/base/it/a.b' }] },
    ])
  })

  test('items that are numbered from one are named by their own keys', () => {
    const issues = issuesOf(
      staged(z.object({ it: z.array(z.number()) })).patch(0, { 'it/1': '1', 'it/2': 'x' }),
    )
    expect(issues).toMatchObject([{ path: ['it', 1], origins: [{ key: '/base/it/2' }] }])
  })

  test('the items of a list in a higher layer are named there', () => {
    const { patch } = staged(z.object({ it: z.array(z.number()) }))
    patch(0, { 'it/0': 'x', 'it/1': 'y' })
    expect(issuesOf(patch(1, { 'it/a': '1', 'it/b': 'z' }))).toMatchObject([
      { path: ['it', 1], received: '"z"', origins: [{ key: '/prod/it/b', revision: 2 }] },
    ])
  })
})

describe('judge: what the schema’s own code does', () => {
  const throwing = () => {
    throw new TypeError('cannot compute')
  }
  const revoked = () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  }

  test.each<[string, z.ZodType]>([
    ['refine', z.string().refine(throwing)],
    ['superRefine', z.string().superRefine(throwing)],
    ['transform', z.string().transform(throwing)],
    ['preprocess', z.preprocess(throwing, z.string())],
    ['the words of an error', z.string().max(0, { error: throwing })],
    ['lazy', z.string().pipe(z.lazy(() => z.string().refine(throwing)))],
  ])('%s that throws is an issue at its place', (_name, it) => {
    const { patch } = staged(z.object({ it: it.optional(), b: z.number() }))
    expect(issuesOf(patch(0, { it: 'x', b: 'y' }))).toMatchObject([
      { pathText: 'it', code: 'schema_error', message: expect.stringMatching('cannot compute') },
      { pathText: 'b', code: 'invalid_type' },
    ])
    expect(acceptedValue(patch(0, { it: undefined, b: '1' }))).toEqual({ b: 1 })
  })

  test('a default that throws is an issue too', () => {
    expect(issuesOf(staged(z.object({ it: z.string().default(throwing) })).patch(0, {}))).toMatchObject([
      { pathText: 'it', code: 'schema_error' },
    ])
  })

  test('what throws no Error is put into words', () => {
    const it = z.string().refine(() => {
      throw 'just text'
    })
    expect(issuesOf(staged(z.object({ it })).patch(0, { it: 'x' }))[0]?.message).toMatch('just text')
  })

  test.each<[string, z.ZodType]>([
    ['refine', z.string().refine(() => Promise.resolve(true))],
    ['transform', z.string().transform((text) => Promise.resolve(text))],
    ['in an object', z.object({ a: z.string().refine(() => Promise.resolve(true)) })],
  ])('an async %s is said to need await', (_name, it) => {
    const tree = _name === 'in an object' ? { 'it/a': 'x' } : { it: 'x' }
    const [issue] = issuesOf(staged(z.object({ it })).patch(0, tree))
    expect(issue).toMatchObject({ code: 'async_schema', message: expect.stringMatching(/needs await/) })
    expect(issue?.pathText).toMatch(/^it/)
  })

  test.each<[string, () => unknown]>([
    [
      'holds itself',
      () => {
        const circle: Record<string, unknown> = {}
        circle.self = circle
        return circle
      },
    ],
    [
      'has a getter that throws',
      () => ({
        get a() {
          return throwing()
        },
      }),
    ],
    [
      'is a list with a getter that throws',
      () => Object.defineProperty(['a'], 0, { enumerable: true, get: throwing }),
    ],
    [
      'is a map that throws when it is read',
      () => Object.assign(new Map([['a', 1]]), { [Symbol.iterator]: throwing, entries: throwing }),
    ],
    ['is a revoked proxy', revoked],
    ['holds a revoked proxy in a list', () => [1, revoked()]],
  ])('a result that %s is an issue, until it is another', (_name, make) => {
    const it = z.string().transform((text) => (text === 'good' ? text : make()))
    for (const [path, root] of [
      ['it', z.object({ it })],
      ['it', z.looseObject({}).catchall(it)],
    ] as const) {
      const { patch } = staged(root)
      expect(issuesOf(patch(0, { [path]: 'bad' }))).toMatchObject([{ code: 'schema_error', pathText: 'it' }])
      expect(issuesOf(patch(0, { other: 'good' }))[0]?.code).toBe('schema_error')
      expect(acceptedValue(patch(0, { [path]: 'good' }))).toMatchObject({ it: 'good' })
    }
  })

  test('no other option of a union is read in the place of one whose value cannot be read', () => {
    const it = z.union([
      z.object({ kind: z.literal('basic'), password: z.string() }),
      z.object({ kind: z.string(), isOpen: z.boolean().default(true) }),
    ])
    const lost = new Unreadable('not UTF-8')
    const { patch } = staged(z.object({ it }))
    expect(issuesOf(patch(0, { 'it/kind': 'basic', 'it/password': lost }))).toMatchObject([
      { code: 'unreadable', pathText: 'it.password' },
    ])
    // Of this one no other option could be meant.
    expect(acceptedValue(patch(0, { 'it/kind': 'other' }))).toEqual({ it: { kind: 'other', isOpen: true } })
    expect(acceptedValue(patch(0, { 'it/kind': 'basic', 'it/password': 'x' }))).toEqual({
      it: { kind: 'basic', password: 'x' },
    })
  })

  test('a refinement of an object runs when all inside it is valid, and speaks where it says', () => {
    const it = z
      .object({ min: z.number(), max: z.number() })
      .refine(({ min, max }) => min <= max, { path: ['max'], error: 'less than min' })
    const { patch } = staged(z.object({ it }))
    expect(issuesOf(patch(0, { 'it/min': '5', 'it/max': '1' }))).toMatchObject([
      {
        pathText: 'it.max',
        code: 'custom',
        message: 'less than min',
        received: '"1"',
        origins: [{ key: '/base/it/max' }],
      },
    ])
    expect(acceptedValue(patch(0, { 'it/max': '6' }))).toEqual({ it: { min: 5, max: 6 } })
  })
})
