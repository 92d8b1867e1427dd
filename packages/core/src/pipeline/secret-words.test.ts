import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { expectLinear } from '../../../../test/support/expect-linear.ts'
import * as z from 'zod'
import { compileSchema } from '../schema/compile-schema.ts'
import { secret } from '../schema/secret.ts'
import { createPipeline } from './create-pipeline.ts'
import { acceptedValue, issuesOf, staged, storedLayer, type Tree } from './staged.test.kit.ts'

const PASSWORD = 'hunter2-Secret Word'
const PIN = 4711

/** What can be made of a secret before it is put into words. */
const FORMS: readonly (readonly [string, (text: string) => string])[] = [
  ['as it is', (text) => text],
  ['lower case', (text) => text.toLowerCase()],
  ['URL-encoded', encodeURIComponent],
  ['base64', (text) => Buffer.from(text).toString('base64')],
  ['hex', (text) => Buffer.from(text).toString('hex')],
  ['its first word', (text) => text.split('-')[0]!],
  ['its last letters', (text) => text.slice(-4)],
  ['reversed', (text) => [...text].reverse().join('')],
  ['as JSON', (text) => JSON.stringify({ text })],
  ['with thousands', () => PIN.toLocaleString('en-US')],
  ['one letter', (text) => text[0]!],
]

/** Ways in which the code of an object with a secret inside may speak of it. */
const SAYS: readonly (readonly [string, (say: (value: { password: string }) => string) => z.ZodType])[] = [
  [
    'the message of a refinement',
    (say) => base.refine(() => false, { error: ({ input }) => say(input as never) }),
  ],
  ['an issue of its own', (say) => base.superRefine((value, context) => context.addIssue(say(value)))],
  [
    'an issue at a part that is not secret',
    (say) =>
      base.superRefine((value, context) =>
        context.addIssue({ code: 'custom', message: say(value), path: ['pool'] }),
      ),
  ],
  [
    'an issue in the words of another code',
    (say) =>
      base.superRefine((value, context) =>
        context.addIssue({
          code: 'invalid_type',
          expected: say(value) as never,
          message: say(value),
          path: ['pool'],
        }),
      ),
  ],
  [
    'a code that is none',
    (say) => base.superRefine((value, context) => context.addIssue({ code: say(value) as never })),
  ],
  [
    'a path',
    (say) =>
      base.superRefine((value, context) =>
        context.addIssue({ code: 'custom', message: 'no', path: [say(value), 'more'] }),
      ),
  ],
  [
    'a path below the secret',
    (say) =>
      base.superRefine((value, context) =>
        context.addIssue({ code: 'custom', message: 'no', path: ['password', say(value)] }),
      ),
  ],
  [
    'a path below a record',
    (say) =>
      base.superRefine((value, context) =>
        context.addIssue({ code: 'custom', message: 'no', path: ['limits', say(value)] }),
      ),
  ],
  [
    'what a transform throws',
    (say) =>
      base.transform((value) => {
        throw new SyntaxError(`Unexpected token in ${say(value)}`)
      }),
  ],
  [
    'what it is piped into',
    (say) =>
      base
        .transform((value) => ({ pool: say(value) }))
        .pipe(z.object({ pool: z.string().max(0, { error: ({ input }) => String(input) }) })),
  ],
]

const base = z.object({
  password: secret(z.string()),
  pin: secret(z.number()).default(PIN),
  pool: z.number().default(5),
  limits: z.record(z.string(), z.number()).default({}),
})

describe('IssueWriter: nothing that has seen a secret is quoted', () => {
  for (const [what, make] of SAYS) {
    test.each(FORMS)(`${what}: %s`, (_name, form) => {
      // Letters that stand in every message are no leak: what is said is marked.
      const said = `<${form(PASSWORD)}>`
      for (const schema of [make(() => said), make(() => said).optional(), z.array(make(() => said))]) {
        const isList = schema instanceof z.ZodArray
        const { patch } = staged(z.object({ it: schema }))
        const at = isList ? 'it/0' : 'it'
        const outcome = patch(0, { [`${at}/password`]: PASSWORD, [`${at}/limits/a`]: '1' })
        const shown = inspect(outcome, { depth: 12 }) + JSON.stringify(outcome)
        expect(shown).not.toContain(said)
        if (said.length > 3) expect(shown).not.toContain(said.slice(1, -1))
      }
    })
  }

  test('a default that is secret, and a number', () => {
    const it = z
      .object({ pin: secret(z.number()).default(PIN), name: z.string() })
      .superRefine(({ pin, name }, context) => {
        context.addIssue({ code: 'custom', message: `${name} has ${pin}`, path: [pin] })
      })
    const [issue] = issuesOf(staged(z.object({ it })).patch(0, { 'it/name': 'x' }))
    expect(issue).toMatchObject({ path: ['it'], message: 'Does not satisfy the schema (custom)' })
  })

  test('JSON.parse of a secret quotes it', () => {
    const it = secret(z.string()).transform((text) => JSON.parse(text) as unknown)
    const [issue] = issuesOf(staged(z.object({ it })).patch(0, { it: `${PASSWORD}` }))
    expect(issue).toMatchObject({
      code: 'schema_error',
      message: 'Does not satisfy the schema (schema_error)',
    })
  })
})

describe('IssueWriter: what has not seen a secret is said as it is', () => {
  const schema = z.object({
    db: z
      .object({
        url: secret(z.string()),
        pool: z.number().max(200, 'at most 200 connections'),
        hosts: z.array(z.object({ name: z.string(), port: z.number() })).optional(),
        limits: z
          .object({ min: z.number(), max: z.number() })
          .refine(({ min, max }) => min <= max, {
            error: ({ input }) => `not in order: ${JSON.stringify(input)}`,
          })
          .optional(),
        extra: z.strictObject({ key: secret(z.string()) }).optional(),
      })
      .refine(({ pool }) => pool !== 13, { error: 'an unlucky number', path: ['pool'] }),
  })
  const words = (tree: Tree) =>
    issuesOf(staged(schema).patch(0, { 'db/url': PASSWORD, 'db/pool': '5', ...tree })).map(
      ({ pathText, message }) => `${pathText}: ${message}`,
    )

  test.each<[string, Tree, string[]]>([
    ['zod’s words', { 'db/pool': 'x' }, ['db.pool: Invalid input: expected number, received string']],
    ['the author’s words for a part', { 'db/pool': '300' }, ['db.pool: at most 200 connections']],
    [
      'of a value that is missing',
      { 'db/pool': undefined },
      ['db.pool: Invalid input: expected number, received undefined. Set /prod/db/pool'],
    ],
    [
      'in a list',
      { 'db/hosts': '[{"name": "a", "port": "x"}]' },
      ['db.hosts.0.port: Invalid input: expected number, received string'],
    ],
    [
      'a refinement of a part, quoting it',
      { 'db/limits': '{"min": 2, "max": 1}' },
      ['db.limits: not in order: {"min":2,"max":1}'],
    ],
    ['fixed words of the whole', { 'db/pool': '13' }, ['db.pool: an unlucky number']],
    [
      'names that are too many',
      { 'db/extra': '{"key": "x", "kye": "y"}' },
      ['db.extra: Unrecognized key: "kye"'],
    ],
    [
      'a secret that is missing',
      { 'db/url': undefined },
      ['db.url: Does not satisfy the schema: expected string. Set /prod/db/url'],
    ],
  ])('%s', (_name, tree, expected) => {
    expect(words(tree)).toEqual(expected)
  })

  test('words that stood in the schema before there was a value, and no later ones', () => {
    let why = 'weak'
    const it = z.object({ password: secret(z.string()) }).refine(
      ({ password }) => {
        why = `weak: ${password}`
        return false
      },
      { error: () => why },
    )
    const [issue] = issuesOf(staged(z.object({ it })).patch(0, { 'it/password': PASSWORD }))
    expect(issue?.message).toBe('Does not satisfy the schema (custom)')
  })

  test('with many issues and secrets, in time in proportion to them', async () => {
    const whole = z
      .object({
        secrets: z.record(z.string(), secret(z.string())),
        numbers: z.record(z.string(), z.number()),
        list: z.array(z.object({ at: z.number(), key: secret(z.string()) })),
      })
      .refine(() => true)
    const treeOf = (count: number) => {
      const tree: Record<string, unknown> = {
        list: JSON.stringify(Array.from({ length: count }, () => ({ at: 'x', key: 'k' }))),
      }
      for (let n = 0; n < 20 * count; n++) tree[`secrets/k${n}`] = `${PASSWORD}${n}`
      for (let n = 0; n < count; n++) tree[`numbers/k${n}`] = 'x'
      return tree
    }
    await expectLinear('issues beside secrets', (part) => {
      const count = part === 'whole' ? 600 : 150
      const { patch } = staged(whole)
      const tree = treeOf(count)
      return () => {
        const issues = issuesOf(patch(0, tree))
        expect(issues).toHaveLength(2 * count)
        expect(new Set(issues.map(({ message }) => message)).size).toBe(1)
      }
    })
  })
})

describe('values that the schema’s own code has made of a secret', () => {
  const shapes: readonly (readonly [string, z.ZodType, Tree, string])[] = [
    [
      'a transform of the whole',
      z.object({ db: z.object({ url: secret(z.string()) }).transform(({ url }) => ({ url, [url]: 1 })) }),
      { 'db/url': PASSWORD },
      'db.url',
    ],
    [
      'a transform at the root',
      z.object({ url: secret(z.string()) }).transform(({ url }) => ({ db: { url, [url]: 1 } })),
      { url: PASSWORD },
      'db.url',
    ],
    [
      'a codec',
      z.object({
        db: z.codec(secret(z.string()), z.object({ url: z.string() }), {
          decode: (url) => ({ url }),
          encode: ({ url }) => url,
        }),
      }),
      { db: PASSWORD },
      'db.url',
    ],
    [
      'a list',
      z.object({ db: z.array(z.object({ url: secret(z.string()) })) }),
      { 'db/0/url': PASSWORD },
      'db.0.url',
    ],
    [
      'a list in a transform',
      z.object({ db: z.array(secret(z.string())).transform((urls) => ({ urls })) }),
      { 'db/0': PASSWORD },
      'db.urls.0',
    ],
    [
      'a map',
      z.object({ db: z.map(z.string(), z.object({ url: secret(z.string()) })) }),
      { 'db/a/url': PASSWORD },
      'db.a.url',
    ],
    [
      'an overwrite',
      z.object({
        db: z
          .object({ key: secret(z.string()), url: z.string() })
          .overwrite((db) => ({ ...db, url: db.key })),
      }),
      { 'db/key': PASSWORD, 'db/url': 'x' },
      'db.url',
    ],
    [
      'a catch',
      z.object({
        db: z
          .object({ key: secret(z.string()), url: z.string(), port: z.number() })
          .catch(({ value }) => ({ key: '', port: 1, url: (value as { key: string }).key })),
      }),
      { 'db/key': PASSWORD, 'db/url': 'x', 'db/port': 'x' },
      'db.url',
    ],
    [
      'a union',
      z.object({ db: z.union([z.object({ url: secret(z.string()) }), z.object({ port: z.number() })]) }),
      { 'db/url': PASSWORD },
      'db.url',
    ],
  ]

  test.each(shapes)(
    'are redacted by explain, in changes and when printed: %s',
    (_name, schema, tree, path) => {
      const layers = [storedLayer('base')]
      const pipeline = createPipeline<object>(compileSchema(schema), [{ name: 'base', layers }])
      const stage = (leaves: Tree) => {
        const changes = Object.entries(leaves).map(([at, value]) => ({
          layer: 0,
          leaf: { path: at, value, revision: 1 },
        }))
        pipeline.stage(0, { type: 'patch', update: { revision: 1, changes } })
        return acceptedValue(pipeline.evaluate()) as object
      }
      const first = stage(tree)
      const explained = pipeline.explain(path)
      expect(explained.value).toBe('[secret]')
      const next = stage(
        Object.fromEntries(
          Object.entries(tree).map(([at, text]) => [at, text === PASSWORD ? `${PASSWORD}2` : text]),
        ),
      )
      const shown = [
        explained,
        pipeline.explain('db'),
        pipeline.diff(first, next),
        pipeline.diff(undefined as never, next),
        first,
        next,
      ]
      const text = inspect(shown, { depth: 12 }) + JSON.stringify(shown)
      expect(text).toContain('[secret]')
      expect(text).not.toContain('hunter2')
    },
  )

  test('a constant that is caught is shown as it is', () => {
    const schema = z.object({
      db: z.object({ key: secret(z.string()), port: z.number() }).catch({ key: 'k', port: 1 }),
    })
    const value = acceptedValue(staged(schema).patch(0, { 'db/port': 'x' }))
    expect(JSON.stringify(value)).toBe('{"db":{"key":"[secret]","port":1}}')
  })
})

describe('the name toJSON beside secrets', () => {
  const byName = z.record(z.string(), secret(z.string()))

  test('has no place in a directory: it is unused, and all others stay', () => {
    for (const tree of [
      { 'it/toJSON': 'x', 'it/a': PASSWORD },
      { it: JSON.stringify({ toJSON: 'x', a: PASSWORD }) },
      { 'it/x/../a': undefined, it: { toJSON: 'x', a: PASSWORD } },
    ]) {
      const outcome = staged(z.object({ it: byName })).patch(0, tree)
      const { it } = acceptedValue(outcome) as { it: object }
      expect(Object.keys(it)).toEqual(['a'])
      expect(JSON.stringify(it)).toBe('{"a":"[secret]"}')
      expect(outcome.unused).toMatchObject([{ reason: expect.stringContaining('toJSON') }])
    }
  })

  test('makes a list that holds it invalid, in words', () => {
    const { patch } = staged(z.object({ it: z.array(byName) }))
    const issues = issuesOf(patch(0, { it: JSON.stringify([{ toJSON: 'x', a: PASSWORD }]) }))
    expect(issues).toMatchObject([{ code: 'schema_error', message: expect.stringContaining('toJSON') }])
    expect(JSON.stringify(issues)).not.toContain('hunter2')
  })

  test('is a name like others in a map, and where nothing is secret', () => {
    const schema = z.object({
      map: z.map(z.string(), secret(z.string())),
      open: z.record(z.string(), z.string()),
    })
    const value = acceptedValue(staged(schema).patch(0, { 'map/toJSON': PASSWORD, 'open/toJSON': 'x' }))
    expect(value).toMatchObject({ open: { toJSON: 'x' } })
    expect(inspect(value) + JSON.stringify(value)).not.toContain('hunter2')
  })

  test.each([
    z.object({ toJSON: z.string() }).catchall(secret(z.string())),
    secret(z.object({ toJSON: z.string() })),
  ])('is refused as a property when the schema is compiled', (schema) => {
    expect(() => compileSchema(schema)).toThrow(/toJSON/)
  })
})
