import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import * as mini from 'zod/mini'
import { LivetreeError } from '../errors.ts'
import { compileSchema } from './compile-schema.ts'
import { fingerprintOf, isOpenAt, isSecretAt, schemaNodeAt } from './describe.ts'
import { assertEnvironmentNames } from './assert-environment-names.ts'
import { secret } from './secret.ts'

const refusal = (make: () => unknown): LivetreeError => {
  try {
    make()
  } catch (error) {
    if (error instanceof LivetreeError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

const filled: z.ZodType = z.object({
  get a() {
    return filled.prefault({})
  },
})
const filledOnce: z.ZodType = z.object({
  get a() {
    return filledOnce.prefault({ a: null }).nullable()
  },
})
const itself: readonly (readonly [how: string, schema: z.ZodType])[] = [
  (self: z.ZodType) => self,
  (self: z.ZodType) => self.optional(),
  (self: z.ZodType) => z.union([self, z.string()]),
  (self: z.ZodType) => z.intersection(z.object({}), self),
  (self: z.ZodType) => self.pipe(z.string()),
  (self: z.ZodType) => z.lazy(() => self.nullable()),
].map((make) => {
  const schema: z.ZodType = z.lazy(() => make(schema))
  return [String(make).replace(/^.*=> /, ''), schema]
})
const endless: z.ZodType = z.object({
  a: z.string(),
  get next() {
    return endless
  },
})
const endlessByTwo: z.ZodType = z.object({
  get left() {
    return z.object({ back: endlessByTwo }).readonly()
  },
})
const finite: z.ZodType = z.object({
  a: z.string(),
  get next() {
    return finite.optional()
  },
})

describe('compileSchema: what no tree can hold is refused, with its path', () => {
  test.each<[string, z.core.$ZodType, string, string]>([
    ['symbol', z.object({ a: z.object({ b: z.symbol() }) }), 'a.b', 'z.symbol()'],
    ['function', z.object({ a: z.function() }), 'a', 'z.function()'],
    ['promise', z.object({ a: z.array(z.promise(z.string())) }), 'a.<index>', 'z.promise()'],
    ['file', z.object({ a: z.record(z.string(), z.file()) }), 'a.<key>', 'z.file()'],
    ['mini.symbol', mini.object({ a: mini.optional(mini.symbol()) }), 'a', 'z.symbol()'],
    ['in a tuple', z.object({ a: z.tuple([z.string(), z.symbol()]) }), 'a.1', 'z.symbol()'],
    ['in a union', z.object({ a: z.union([z.string(), z.symbol()]) }), 'a', 'z.symbol()'],
    [
      'in an intersection',
      z.object({ a: z.intersection(z.object({}), z.object({ b: z.file() })) }),
      'a.b',
      'z.file()',
    ],
    ['in a catchall', z.object({}).catchall(z.symbol()), '<key>', 'z.symbol()'],
    ['behind wrappers', z.object({ a: z.symbol().optional().nullable().readonly() }), 'a', 'z.symbol()'],
    ['behind lazy', z.object({ a: z.lazy(() => z.symbol()) }), 'a', 'z.symbol()'],
    [
      'map with objects as keys',
      z.object({ a: z.map(z.object({}), z.string()) }),
      'a',
      'a map whose keys are not scalars',
    ],
    [
      'map with lists as keys',
      z.object({ a: z.map(z.array(z.string()), z.string()) }),
      'a',
      'a map whose keys are not scalars',
    ],
    ['__proto__', z.object({ ['__proto__']: z.string() }), '__proto__', 'the property name __proto__'],
    [
      'secret keys of a record',
      z.object({ a: z.record(secret(z.string()), z.string()) }),
      'a.<key>',
      'secret keys',
    ],
    [
      'secret keys of a map',
      z.object({ a: z.map(secret(z.string()), z.string()) }),
      'a.<key>',
      'secret keys',
    ],
    [
      'toJSON beside a secret',
      z.object({ a: z.object({ toJSON: z.string(), b: secret(z.string()) }) }),
      'a.toJSON',
      'a property toJSON',
    ],
    ['an object in itself', z.object({ a: endless }), 'a', 'an object that requires itself'],
    ['an object in itself by another', endlessByTwo, 'the root', 'an object that requires itself'],
    ['an object that fills itself in', z.object({ a: filled }), 'a', 'an object that requires itself'],
    ...itself.map(([how, schema]): [string, z.core.$ZodType, string, string] => [
      `itself ${how}`,
      z.object({ a: schema }),
      'a',
      'a schema that is nothing but itself',
    ]),
  ])('%s', (_name, schema, path, what) => {
    const error = refusal(() => compileSchema(schema))
    expect(error.code).toBe('invalid_schema')
    expect(error.message).toContain(what)
    expect(error.message).toContain(path === 'the root' ? path : `"${path}"`)
  })

  test.each<[string, z.core.$ZodType]>([
    ['the root may be any kind', z.string()],
    ['an object that holds itself, optional', finite],
    ['an object that fills in one of itself', filledOnce],
    ['toJSON without secrets', z.object({ toJSON: z.string() })],
    ['what comes out of a transform', z.object({ a: z.string().transform(() => Symbol('x')) })],
    [
      'what a pipe ends in',
      z.object({
        a: z
          .string()
          .pipe(z.transform((): unknown => () => 1))
          .pipe(z.symbol() as unknown as z.ZodType),
      }),
    ],
    ['what a preprocess ends in', z.object({ a: z.preprocess(() => new File([], 'x'), z.file()) })],
  ])('taken: %s', (_name, schema) => {
    expect(compileSchema(schema).schema).toBe(schema)
  })
})

describe('compileSchema: two names for one key are refused', () => {
  test.each([
    ['kebab-case', z.object({ timeoutMs: z.number(), 'timeout-ms': z.number() }), '"timeout-ms"'],
    ['snake_case', z.object({ a: z.object({ URLPath: z.string(), urlPath: z.string() }) }), '"url_path"'],
    ['kebab-case', z.object({ a: z.array(z.object({ aB: z.string(), a_b: z.string() })) }), '"a-b"'],
    ['kebab-case', z.union([z.object({ aB: z.string() }), z.object({ a_b: z.string() })]), '"a-b"'],
    [
      'snake_case',
      z.object({
        a: z.discriminatedUnion('kind', [
          z.object({ kind: z.literal('x'), timeoutMs: z.number() }),
          z.object({ kind: z.literal('y'), timeout_ms: z.number() }),
        ]),
      }),
      '"timeout_ms"',
    ],
    ['kebab-case', z.intersection(z.object({ aB: z.string() }), z.object({ 'a-b': z.string() })), '"a-b"'],
    [
      'kebab-case',
      z.union([
        z.object({ o: z.object({ aB: z.string() }) }),
        z.number(),
        z.lazy(() => z.object({ o: z.union([z.object({ a_b: z.string() }), z.string()]).optional() })),
      ]),
      '"a-b"',
    ],
    [
      'kebab-case',
      z.union([
        z.record(z.string(), z.object({ aB: z.string() })),
        z.object({ o: z.object({ 'a-b': z.string() }) }),
      ]),
      '"a-b"',
    ],
    ['kebab-case', z.tuple([z.object({ aB: z.string() }), z.object({ a_b: z.string() })]), '"a-b"'],
  ] as const)('%s', (naming, schema, key) => {
    const error = refusal(() => compileSchema(schema, { naming }))
    expect(error.code).toBe('name_clash')
    expect(error.message).toContain(key)
    expect(() => compileSchema(schema)).not.toThrow()
  })

  test('assertEnvironmentNames: refuses them only where there are environment variables', () => {
    const schemaNode = compileSchema(
      z.object({ a: z.array(z.object({ timeoutMs: z.number(), timeout_ms: z.number() })) }),
    )
    const error = refusal(() => assertEnvironmentNames(schemaNode))
    expect(error.code).toBe('name_clash')
    expect(error.message).toContain('TIMEOUT_MS')
    for (const schema of [
      z.union([z.object({ timeoutMs: z.number() }), z.object({ timeout_ms: z.number() })]),
      z.object({ o: z.record(z.enum(['timeout-ms', 'timeout_ms']), z.number()) }),
    ])
      expect(refusal(() => assertEnvironmentNames(compileSchema(schema))).message).toContain('TIMEOUT_MS')
    expect(() => assertEnvironmentNames(compileSchema(finite))).not.toThrow()
  })
})

describe('describe: what is at a path', () => {
  const schemaNode = compileSchema(
    z.object({
      db: z.object({ url: secret(z.url()), max: z.number() }),
      keys: z.record(z.string(), secret(z.object({ id: z.string() }))),
      login: z.union([
        z.object({ by: z.object({ user: z.string() }) }),
        z.object({ by: z.object({ token: secret(z.string()) }) }),
      ]),
      both: z.intersection(
        z.object({ o: z.object({ a: z.string() }) }),
        z.object({ o: z.object({ b: secret(z.string()) }) }),
      ),
      strict: z.strictObject({ a: z.string() }),
      free: z.unknown(),
    }),
  )

  test.each<[string, boolean, boolean]>([
    ['db', false, false],
    ['db.url', true, false],
    ['db.max', false, true],
    ['db.other', false, false],
    ['keys.a.id', true, false],
    ['login.by', false, false],
    ['login.by.user', false, true],
    ['login.by.token', true, false],
    ['both.o', false, false],
    ['both.o.a', false, true],
    ['both.o.b', true, false],
    ['strict.a', false, true],
    ['strict.other', false, false],
    ['free.a.b', false, true],
  ])('isSecretAt and isOpenAt: %s', (path, isSecret, isOpen) => {
    expect(isSecretAt(schemaNode, path.split('.'))).toBe(isSecret)
    expect(isOpenAt(schemaNode, path.split('.'))).toBe(isOpen)
  })

  test('schemaNodeAt: undefined where the schema knows nothing', () => {
    expect(schemaNodeAt(schemaNode, ['db', 'max', 'x'])).toBeUndefined()
    expect(schemaNodeAt(schemaNode, [])).toBe(schemaNode)
  })

  test.each<[string, z.core.$ZodType, boolean]>([
    ['the same shape with other checks', z.object({ a: z.number().max(3), b: z.array(z.string()) }), true],
    ['another name', z.object({ c: z.number(), b: z.array(z.string()) }), false],
    ['another kind', z.object({ a: z.string(), b: z.array(z.string()) }), false],
    ['another kind deep inside', z.object({ a: z.number(), b: z.array(z.number()) }), false],
  ])('fingerprintOf: %s', (_name, schema, isEqual) => {
    const own = fingerprintOf(compileSchema(z.object({ a: z.number(), b: z.array(z.string()) })))
    expect(fingerprintOf(compileSchema(schema)) === own).toBe(isEqual)
  })

  test('fingerprintOf: ends on a schema that holds itself, and tells naming apart', () => {
    const schema = z.object({ aB: finite })
    const exact = fingerprintOf(compileSchema(schema))
    expect(exact).toMatch(/^[0-9a-f]{32}$/)
    expect(fingerprintOf(compileSchema(schema, { naming: 'kebab-case' }))).not.toBe(exact)
  })
})

test.each<[string, () => z.ZodType]>([
  ['behind a transform', () => z.any().pipe(getters())],
  ['behind preprocess', () => z.preprocess((given) => given, lazies())],
  ['behind a codec', () => z.codec(z.string(), twins(), { decode: (text) => text, encode: () => '' })],
])('compileSchema: a schema without end that reads no tree is refused: %s', (_how, make) => {
  const compile = () => compileSchema(z.object({ tree: make() }))
  expect(compile).toThrow(/"tree" is nested more than 500 levels deep, or without end/)
  expect(compile).toThrow(LivetreeError)
})

const twins = (): z.ZodType => z.object({ l: z.lazy(twins).optional(), r: z.lazy(twins).optional() })

test.each<[string, () => z.ZodType]>([
  ['a getter', () => getters()],
  ['z.lazy()', () => lazies()],
])(
  'compileSchema: a schema that a function makes anew at each level is refused by name: %s',
  (_how, make) => {
    const compile = () => compileSchema(z.object({ tree: make() }))
    expect(compile).toThrow(/"tree\.kids.* is nested more than 500 levels deep, or without end/)
    expect(compile).toThrow(LivetreeError)
  },
)

const getters = (): z.ZodType =>
  z.object({
    get kids() {
      return z.array(getters()).optional()
    },
  })
const lazies = (): z.ZodType => z.object({ kids: z.lazy(lazies).optional() })
