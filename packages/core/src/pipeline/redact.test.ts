import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { secret } from '../schema/secret.ts'
import { Unreadable } from '../source/source.ts'
import { type StagedOptions, staged, storedLayer, type Tree } from './staged.test.kit.ts'

/** In every secret that is planted; nothing that is shown may have it. */
const TAINT = 'taint!ed'
const S = `s-${TAINT}-s`

const text = secret(z.string())
const echo = {
  error: (issue: { input?: unknown }) => `not ${JSON.stringify(issue.input)} or ${String(issue.input)}`,
}

interface Case {
  readonly schema: z.ZodType
  readonly tree: Tree
  /** Another tree, to see the difference. */
  readonly edit?: Tree
}

/** Everything that a pipeline shows of what it was given. */
function shown({ schema, tree, edit = {} }: Case, options: StagedOptions = {}): string[] {
  const { pipeline, patch } = staged(
    z.object({ it: schema.optional(), plain: z.string().optional() }),
    options,
  )
  const seen: unknown[] = []
  const values: unknown[] = [{}]
  for (const step of [tree, edit, Object.fromEntries(Object.keys(tree).map((key) => [key, undefined]))]) {
    const outcome = patch(0, step)
    seen.push(outcome)
    seen.push(pipeline.leaves(0, { withSecrets: false }))
    for (const path of pathsOf({ ...tree, ...edit })) seen.push(pipeline.explain(path))
    if (outcome.type === 'rejected') continue
    seen.push(...partsOf(outcome.value), pipeline.redact(outcome.value))
    for (const other of values)
      seen.push(pipeline.diff(other, outcome.value), pipeline.diff(outcome.value, other))
    values.push(outcome.value)
  }
  const json = (value: unknown) =>
    JSON.stringify(value, (_key, inner) => (typeof inner === 'bigint' ? `${inner}` : inner))
  return seen.flatMap((value) => [
    json(value) ?? '',
    inspect(value, { depth: 20 }),
    inspect(value, { depth: 20, showHidden: true, compact: false }),
    `${inspect({ value }, { depth: 20, sorted: true })}`,
  ])
}

/** Every path to a key of a tree, and to what is above it. */
function pathsOf(tree: Tree): string[][] {
  const paths = Object.keys(tree).flatMap((key) => {
    const segments = key.split('/')
    return segments.map((_, index) => segments.slice(0, index + 1))
  })
  return [[], ['it', '0'], ['it', 'a'], ['it', '0', 'a'], ...paths]
}

/** A value and every object, list, map and set inside it: each may be shown on its own too. A leaf alone is what it is. */
function partsOf(value: unknown): object[] {
  if (typeof value !== 'object' || value === null || value instanceof Date || value instanceof URL) return []
  const inner = value instanceof Map || value instanceof Set ? [...value.values()] : Object.values(value)
  return [value, ...inner.flatMap(partsOf)]
}

const loginOf = (inner: z.ZodType) =>
  z.discriminatedUnion('by', [
    z.object({ by: z.literal('open'), v: z.string() }),
    z.object({ by: z.literal('key'), v: inner }),
  ])

const valid: Record<string, Case> = {
  'a leaf': { schema: text, tree: { it: S }, edit: { it: `${S}2` } },
  'a leaf in an object': {
    schema: z.object({ a: text, b: z.string() }),
    tree: { 'it/a': S, 'it/b': 'x' },
    edit: { 'it/b': 'y' },
  },
  'a leaf in a document': {
    schema: z.object({ a: text, b: z.string() }),
    tree: { it: JSON.stringify({ a: S, b: 'x' }) },
  },
  'a leaf in a typed document': { schema: z.object({ a: text }), tree: { it: { a: S } } },
  'a leaf in a document far above': {
    schema: z.object({ o: z.object({ a: text }) }),
    tree: { '': JSON.stringify({ it: { o: { a: S } } }) },
  },
  'a whole object': {
    schema: secret(z.object({ a: z.string(), o: z.object({ b: z.string() }) })),
    tree: { 'it/a': S, 'it/o/b': S },
  },
  'a whole record': { schema: secret(z.record(z.string(), z.string())), tree: { 'it/a': S } },
  'a whole list': { schema: secret(z.array(z.string())), tree: { it: JSON.stringify([S]) } },
  'a strict object': { schema: secret(z.object({ a: z.string() })).strict(), tree: { 'it/a': S } },
  'in a record': { schema: z.record(z.string(), text), tree: { 'it/a': S }, edit: { 'it/b': S } },
  'in a record of objects': { schema: z.record(z.string(), z.object({ a: text })), tree: { 'it/x/a': S } },
  'in a catchall': { schema: z.object({ b: z.string().optional() }).catchall(text), tree: { 'it/a': S } },
  'in a list': { schema: z.array(text), tree: { 'it/0': S, 'it/1': S }, edit: { 'it/1': undefined } },
  'in a named list': { schema: z.array(z.object({ a: text })), tree: { 'it/x/a': S } },
  'in a list as JSON': { schema: z.array(z.object({ a: text })), tree: { it: JSON.stringify([{ a: S }]) } },
  'in a tuple': { schema: z.tuple([z.string(), text]), tree: { 'it/1': 'x', 'it/2': S } },
  'first in a tuple numbered from one': {
    schema: z.tuple([text, z.string()]),
    tree: { 'it/1': S, 'it/2': 'x' },
  },
  'in the rest of a tuple': { schema: z.tuple([z.string()], text), tree: { it: JSON.stringify(['x', S]) } },
  'in a set': { schema: z.set(text), tree: { 'it/0': S } },
  'in a map': { schema: z.map(z.string(), text), tree: { 'it/a': S } },
  'in a map of objects': { schema: z.map(z.string(), z.object({ a: text })), tree: { 'it/x/a': S } },
  'in a union': { schema: z.union([z.number(), text]), tree: { it: S } },
  'in a union of objects': {
    schema: z.union([z.object({ o: z.object({ b: z.string() }) }), z.object({ o: z.object({ a: text }) })]),
    tree: { 'it/o': JSON.stringify({ a: S }) },
  },
  'in a discriminated union': {
    schema: loginOf(text),
    tree: { 'it/by': 'key', 'it/v': S },
    edit: { 'it/by': 'open', 'it/v': 'x' },
  },
  'in an intersection, left': {
    schema: z.intersection(z.object({ a: text }), z.object({ b: z.string().optional() })),
    tree: { 'it/a': S },
  },
  'in an intersection, both sides of one name': {
    schema: z.intersection(z.object({ o: z.object({ x: text }) }), z.object({ o: z.object({ a: text }) })),
    tree: { 'it/o/x': S, 'it/o/a': S },
  },
  'in an intersection, as a document': {
    schema: z.intersection(
      z.object({ o: z.object({ x: z.string() }) }),
      z.object({ o: z.object({ a: text }) }),
    ),
    tree: { 'it/o': JSON.stringify({ x: 'x', a: S }) },
  },
  'behind optional and nullable': { schema: text.optional().nullable(), tree: { it: S } },
  'behind a default': { schema: text.default('x'), tree: { it: S } },
  'as a default': {
    schema: z.object({ a: text.default(S), b: z.object({ c: secret(z.string().default(S)) }) }),
    tree: { 'it/x': 'x' },
  },
  'as a default object': { schema: z.object({ a: text }).default({ a: S }), tree: { plain: 'x' } },
  'by a catch': { schema: z.object({ a: text.min(99).catch(S) }), tree: { 'it/a': 'x' } },
  'behind lazy': { schema: z.lazy(() => text), tree: { it: S } },
  'an enum': { schema: secret(z.enum([S, `${S}2`])), tree: { it: S }, edit: { it: `${S}2` } },
  'a literal': { schema: z.object({ a: secret(z.literal(S)) }), tree: { 'it/a': S } },
  'a date': { schema: z.object({ a: secret(z.date()) }).refine(() => true), tree: { 'it/a': '2026-01-02' } },
  'a template': { schema: z.templateLiteral(['x-', text]), tree: { it: `x-${S}` } },
  'through a transform': {
    schema: z.object({ a: text }).transform(({ a }) => ({ url: `http://${a}/`, list: [a] })),
    tree: { 'it/a': S },
  },
  'through a transform into a class': {
    schema: z.object({ a: text.transform((a) => new URL(`http://h/${a}`)) }),
    tree: { 'it/a': S },
  },
  'where a pipe ends': { schema: z.string().pipe(text), tree: { it: S } },
  'where a preprocess ends': {
    schema: z.preprocess((value) => value, z.object({ a: text })),
    tree: { 'it/a': S },
  },
  'where a codec ends': {
    schema: z.codec(z.string(), text, { decode: (a) => a, encode: (a) => a }),
    tree: { it: S },
  },
  'meta({ secret: true })': { schema: z.string().meta({ secret: true }), tree: { it: S } },
  'beside a name the schema does not know': {
    schema: z.object({ password: text }),
    tree: { 'it/password': 'x', 'it/pasword': S },
  },
  'in a list that came as text in a list': {
    schema: z.array(z.array(text)),
    tree: { it: JSON.stringify([JSON.stringify([S])]) },
  },
}

const invalid: Record<string, Case> = {
  'too short': { schema: text.min(99), tree: { it: S } },
  'with words of its own': { schema: secret(z.string().max(1, echo)), tree: { it: S } },
  'of another type, with words of its own': { schema: secret(z.number(echo)), tree: { it: S } },
  'a refinement that tells': { schema: secret(z.string().refine(() => false, echo)), tree: { it: S } },
  'a refinement that throws': {
    schema: text.refine((value) => {
      throw new Error(`no ${value}`)
    }),
    tree: { it: S },
  },
  'an object around it that tells': {
    schema: z.object({ a: text }).refine(() => false, echo),
    tree: { 'it/a': S },
  },
  'an object around it that throws': {
    schema: z.object({ a: text }).refine((value) => {
      throw new Error(JSON.stringify(value))
    }),
    tree: { 'it/a': S },
  },
  'an object around it that tells of it at another place': {
    schema: z
      .object({ a: text, b: z.string() })
      .superRefine(({ a }, context) => context.addIssue({ code: 'custom', path: ['b'], message: a })),
    tree: { 'it/a': S, 'it/b': 'x' },
  },
  'quotes and line ends in it': {
    schema: z.object({ a: text }).refine(() => false, echo),
    tree: { 'it/a': `"${S}"\n\\${S}\n` },
  },
  'a number, with its line end': {
    schema: z.object({ a: secret(z.number()) }).refine(() => false, echo),
    tree: { 'it/a': '5550123\n' },
  },
  'in a list as JSON, told of around it': {
    schema: z.object({ l: z.array(text) }).refine(() => false, echo),
    tree: { 'it/l': `[ "${S}" ]` },
  },
  'in a list, wrong beside it': {
    schema: z.array(z.object({ a: text, b: z.number() })),
    tree: { it: JSON.stringify([{ a: S, b: 'x' }]) },
  },
  'in a list that is no JSON': { schema: z.array(z.object({ a: text })), tree: { it: `[{"a": "${S}"` } },
  'in a document that is no JSON': { schema: z.object({ a: text }), tree: { it: `{"a": "${S}"` } },
  'in a document, wrong beside it': {
    schema: z.object({ a: text, b: z.number() }),
    tree: { it: JSON.stringify({ a: S, b: 'x' }) },
  },
  'text where an object is': { schema: z.object({ a: text }), tree: { it: S } },
  'text and keys where an object is': {
    schema: secret(z.object({ a: z.string() })),
    tree: { it: S, 'it/a': S },
  },
  'a list and keys': { schema: z.array(text), tree: { it: JSON.stringify([S]), 'it/0': S } },
  'an enum it is not of': { schema: secret(z.enum([S])), tree: { it: 'x' } },
  'an enum in a union': {
    schema: z.union([z.object({ a: secret(z.literal(S)) }), z.object({ b: z.number() })]),
    tree: { 'it/a': 'x' },
  },
  'in a union that takes none of it': {
    schema: z.union([z.object({ a: text.max(1, echo) }), z.object({ b: text.max(1, echo) })]),
    tree: { 'it/a': S },
  },
  'a wrong tag beside it': { schema: loginOf(text), tree: { 'it/by': 'x', 'it/v': S } },
  'in a record, with words of its own': {
    schema: z.record(z.string(), secret(z.string().max(1, echo))),
    tree: { 'it/a': S },
  },
  'in a map, with words of its own': {
    schema: z.map(z.string(), secret(z.string().max(1, echo))),
    tree: { 'it/a': S },
  },
  'in a set, with words of its own': { schema: z.set(secret(z.string().max(1, echo))), tree: { 'it/0': S } },
  'where a pipe ends, with words of its own': {
    schema: z.string().pipe(secret(z.string().max(1, echo))),
    tree: { it: S },
  },
  'a bigint': { schema: z.object({ a: secret(z.string()) }), tree: { 'it/a': 5550123n } },
  'a value that is not text': { schema: secret(z.string()), tree: { it: { a: [S] } } },
  'unreadable beside it': {
    schema: z.object({ a: text, b: z.string() }).refine(() => false, echo),
    tree: { 'it/a': S, 'it/b': new Unreadable('not UTF-8') },
  },
}

const isTainted = (line: string) =>
  line.includes(TAINT) || line.includes('2026-01-02') || line.includes('5550123')

describe('redact: no secret is in anything that is shown', () => {
  test.each(Object.entries(valid))('%s', (_name, planted) => {
    expect(shown(planted).filter(isTainted)).toEqual([])
  })

  test.each(Object.entries(invalid))('refused: %s', (_name, planted) => {
    const { patch } = staged(z.object({ it: planted.schema }))
    expect(patch(0, planted.tree).type).toBe('rejected')
    expect(shown(planted).filter(isTainted)).toEqual([])
    expect(shown(planted, { unused: 'reject', guard: { minRemoved: 1 } }).filter(isTainted)).toEqual([])
  })

  test.each(Object.entries(valid))('and yet the value is there to be used: %s', (_name, { schema, tree }) => {
    const root = z.object({ it: schema.optional(), plain: z.string().optional() })
    const outcome = staged(root).patch(0, tree)
    expect(outcome.type).toBe('accepted')
  })

  test('what is tainted would be found, were it not secret', () => {
    const plain = { schema: z.object({ a: z.string() }), tree: { 'it/a': S } }
    expect(shown(plain).filter(isTainted).length).toBeGreaterThan(10)
  })

  test('what is not secret is shown beside what is', () => {
    const { pipeline, patch } = staged(
      z.object({ db: z.object({ url: text, max: z.number() }), l: z.tuple([z.string(), text]) }),
    )
    const outcome = patch(0, { 'db/url': S, 'db/max': '5', l: '["x", "y"]' })
    const { value } = outcome as { value: { db: object } }
    const expected = { db: { url: '[secret]', max: 5 }, l: ['x', '[secret]'] }
    expect(JSON.parse(JSON.stringify(value))).toEqual(expected)
    expect(inspect(value)).toBe(inspect(expected))
    expect(inspect(value.db, { colors: true })).toBe(inspect(expected.db, { colors: true }))
    expect(pipeline.redact(value)).toEqual(expected)
    expect(pipeline.redact(value.db, ['db'])).toEqual(expected.db)
    expect(pipeline.redact(S, ['db', 'url'])).toBe('[secret]')
    expect(Object.keys(value.db)).toEqual(['url', 'max'])
  })

  test('null and undefined are no secrets', () => {
    const { pipeline, patch } = staged(z.object({ a: text.nullable(), b: text.optional() }))
    expect(pipeline.redact((patch(0, { a: 'null' }) as { value: unknown }).value)).toEqual({ a: null })
  })

  test('what was received is not shown where a secret is in it, be it ever so short', () => {
    const it = z.array(z.object({ a: text, b: z.number() }))
    expect(staged(z.object({ it })).patch(0, { it: '[{"a": "42", "b": "x"}]' })).toMatchObject({
      issues: [{ pathText: 'it.0.b', received: '[secret]' }],
    })
  })

  test('messages keep the words that have nothing to do with a short secret', () => {
    const { patch } = staged(z.object({ a: text, b: z.number() }), { layers: [storedLayer('base')] })
    expect(patch(0, { a: 'in', b: 'x' })).toMatchObject({
      issues: [{ message: 'Invalid input: expected number, received string' }],
    })
  })
})
