import fc from 'fast-check'
import * as z from 'zod'
import * as mini from 'zod/mini'
import { invariant } from '../../packages/core/src/schema/invariant.ts'

/** A random schema, with the paths a tree for it may have. */
export interface ArbitrarySchema {
  readonly schema: z.core.$ZodType
  /** What it is, for the report of a failing case. */
  readonly text: string
  /** Places that mean something to it. */
  readonly spots: readonly Spot[]
}

/** A place in the tree, with texts that are likely to be valid there; none where only a directory is. */
export interface Spot {
  readonly path: readonly string[]
  readonly texts: readonly string[]
}

const NAMES = ['a', 'b', 'port', 'constructor'] as const
const KEYS = ['x', 'y', '0', '1'] as const

const scalar = (schema: z.core.$ZodType, text: string, ...texts: string[]): ArbitrarySchema =>
  named({ schema, text, spots: [{ path: [], texts }] })

/** A failing case is reported by its text; a zod schema prints as pages of code. */
const named = (schema: ArbitrarySchema): ArbitrarySchema =>
  Object.defineProperty(schema, fc.toStringMethod, { value: () => schema.text })

const scalars: readonly ArbitrarySchema[] = [
  scalar(z.string(), 'string', 'ten', '5', ''),
  scalar(mini.string(), 'mini.string', 'ten', '{}'),
  scalar(z.string().min(2), 'string.min(2)', 'ten', 'one'),
  scalar(z.email(), 'email', 'a@b.example', 'c@d.example'),
  scalar(z.number(), 'number', '5', '1e3', '-1'),
  scalar(mini.number(), 'mini.number', '5', '6'),
  scalar(z.number().int().min(1).max(100), 'int 1..100', '5', '42\n'),
  scalar(z.boolean(), 'boolean', 'on', 'off', 'true'),
  scalar(z.bigint(), 'bigint', '9007199254740993', '5'),
  scalar(z.date(), 'date', '2026-01-02T03:04:05Z', '2026-01-02'),
  scalar(z.enum(['on', 'off', 'auto']), 'enum', 'on', 'auto'),
  scalar(z.literal([1, 'one', true]), 'literal', '1', 'one', 'true'),
  scalar(z.stringbool(), 'stringbool', 'on', 'off'),
  scalar(
    z.pipe(
      z.string(),
      z.transform((text) => text.length),
    ),
    'string→length',
    'ten',
    'x',
  ),
  scalar(
    // An object without a prototype cannot be made a number of.
    z.preprocess(
      (value) => (typeof value === 'object' && value !== null ? value : Number(value)),
      z.number(),
    ),
    'preprocess number',
    '5',
    '42',
  ),
  scalar(
    z.number().refine((value) => value % 2 === 0, 'odd'),
    'even number',
    '6',
    '42',
  ),
  scalar(z.number().catch(7), 'number.catch', '5', 'ten'),
  scalar(z.unknown(), 'unknown', '5', '{"a": 1}'),
]

const wrap = (inner: ArbitrarySchema, kind: number): ArbitrarySchema => {
  const schema = inner.schema as z.ZodType
  const wrappers: readonly [string, () => z.core.$ZodType][] = [
    ['optional', () => z.optional(schema)],
    ['nullable', () => z.nullable(schema)],
    ['readonly', () => z.readonly(schema)],
    ['mini.optional', () => mini.optional(schema)],
    ['exactOptional', () => z.exactOptional(schema)],
    ['nonoptional', () => z.nonoptional(z.optional(schema))],
    ['default', () => z._default(schema, 'fallback')],
    ['catch', () => z.catch(schema, { caught: true } as never)],
    ['lazy', () => z.lazy(() => schema)],
    [
      'transform',
      () =>
        z.pipe(
          schema,
          z.transform((value) => ({ wrapped: value })),
        ),
    ],
  ]
  const [text, make] = wrappers[kind % wrappers.length]!
  return named({ schema: make(), text: `${inner.text}.${text}`, spots: inner.spots })
}

const under = (name: string, inner: ArbitrarySchema) =>
  inner.spots.map(({ path, texts }) => ({ path: [name, ...path], texts }))

const directory: Spot = { path: [], texts: [] }

const objectOf = (parts: readonly (readonly [string, ArbitrarySchema])[], kind: number): ArbitrarySchema => {
  const shape = Object.fromEntries(parts.map(([name, part]) => [name, part.schema]))
  const isSmall = (value: object) => Object.keys(value).length < 3
  const makers: readonly [string, () => z.core.$ZodType][] = [
    ['object', () => z.object(shape)],
    ['object', () => z.object(shape)],
    ['mini.object', () => mini.object(shape)],
    ['strictObject', () => z.strictObject(shape)],
    ['looseObject', () => z.looseObject(shape)],
    ['refined object', () => z.object(shape).refine(isSmall, 'too many')],
    [
      'object with an invariant',
      () => invariant(z.object(shape), (value, complain) => isSmall(value) || complain([], 'too many')),
    ],
    ['catchall object', () => z.object(shape).catchall(z.number())],
  ]
  const [text, make] = makers[kind % makers.length]!
  return named({
    schema: make(),
    text: `${text}{${parts.map(([name, part]) => `${name}: ${part.text}`).join(', ')}}`,
    spots: [directory, ...parts.flatMap(([name, part]) => under(name, part))],
  })
}

/** What the parts of the made-up objects in a union or intersection hold. */
const FIXED: Record<string, ArbitrarySchema> = {
  kind: scalar(z.literal('t'), 't', 't'),
  size: scalar(z.number(), 'number', '5'),
}

const containerOf = (inner: ArbitrarySchema, kind: number): ArbitrarySchema => {
  const schema = inner.schema as z.ZodType
  const tagged = z.object({ kind: z.literal('t'), value: schema })
  const other = z.object({ kind: z.literal('n'), size: z.number() })
  const makers: readonly [string, readonly string[], () => z.core.$ZodType][] = [
    ['record', KEYS, () => z.record(z.string(), schema)],
    ['mini.record', KEYS, () => mini.record(mini.string(), schema)],
    ['record of short keys', KEYS, () => z.record(z.string().max(1), schema)],
    ['enum record', ['x', 'y'], () => z.record(z.enum(['x', 'y']), schema)],
    ['partialRecord', ['x', 'y'], () => z.partialRecord(z.enum(['x', 'y']), schema)],
    ['array', ['0', '1', '2'], () => z.array(schema)],
    ['array.min(1)', ['0', '1'], () => z.array(schema).min(1)],
    ['tuple', ['0', '1'], () => z.tuple([schema, z.number().optional()])],
    ['set', ['0', '1'], () => z.set(schema)],
    ['map', KEYS, () => z.map(z.string(), schema)],
    ['tagged union', ['kind', 'value', 'size'], () => z.discriminatedUnion('kind', [tagged, other])],
    ['union', KEYS, () => z.union([schema, z.number(), z.string()])],
    ['loose record', KEYS, () => z.looseRecord(z.string().regex(/^[x0]/), schema)],
    ['union of objects', ['kind', 'value', 'size'], () => z.union([tagged, other])],
    [
      'union of scalars and objects',
      ['value', 'size'],
      () =>
        z.union([
          z.object({ value: z.number().optional(), size: z.number().optional() }),
          z.object({ value: schema }),
          z.record(z.string(), z.object({ x: z.number() })),
        ]),
    ],
    [
      'intersection',
      ['value', 'size'],
      () => z.intersection(z.object({ value: schema }), z.object({ size: z.number().default(1) })),
    ],
  ]
  const [text, keys, make] = makers[kind % makers.length]!
  return named({
    schema: make(),
    text: `${text}(${inner.text})`,
    spots: [
      directory,
      ...(text === 'union' ? inner.spots : []),
      ...keys.flatMap((key) => under(key, key in FIXED ? FIXED[key]! : inner)),
    ],
  })
}

const { tree } = fc.letrec<{ tree: ArbitrarySchema; object: ArbitrarySchema }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.constantFrom(...scalars),
    fc.tuple(tie('tree'), fc.nat(20)).map(([inner, kind]) => wrap(inner, kind)),
    fc.tuple(tie('tree'), fc.nat(47)).map(([inner, kind]) => containerOf(inner, kind)),
    tie('object'),
  ),
  object: fc
    .tuple(
      fc.uniqueArray(fc.constantFrom(...NAMES), { minLength: 1 }),
      fc.array(tie('tree'), { minLength: 4, maxLength: 4 }),
      fc.nat(20),
    )
    .map(([names, parts, kind]) =>
      objectOf(
        names.map((name, index) => [name, parts[index]!]),
        kind,
      ),
    ),
}))

/** Random schemas with an object at the root, as configurations have. */
export const arbitrarySchema: fc.Arbitrary<ArbitrarySchema> = fc
  .tuple(
    fc.uniqueArray(fc.constantFrom(...NAMES), { minLength: 1 }),
    fc.array(tree, { minLength: 4, maxLength: 4 }),
    fc.nat(20),
  )
  .map(([names, parts, kind]) =>
    objectOf(
      names.map((name, index) => [name, parts[index]!]),
      kind,
    ),
  )

/** Texts that mean something to one kind of schema or another, and some that mean nothing. */
export const arbitraryText: fc.Arbitrary<string> = fc.constantFrom(
  '5',
  '6',
  '42',
  '-1',
  '1e3',
  'true',
  'off',
  'on',
  'one',
  'null',
  '',
  'ten',
  'a@b.example',
  '2026-01-02T03:04:05Z',
  't',
  'n',
  '5\n',
  '[1, 2]',
  '["x"]',
  '[]',
  '{}',
  '{"a": 1}',
  '{"a": "5", "b": {"x": 1}}',
  '{"kind": "t", "value": 5}',
  '{"broken": ',
  '9007199254740993',
)

/** Typed values, as files and memory have them. */
export const arbitraryTyped: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(5, 6.5, true, null, 'x', 'on', '7'),
  fc.constantFrom<unknown>(
    [1, 2],
    ['x'],
    [],
    {},
    { a: 1 },
    { a: { b: 'x' }, port: '80' },
    { kind: 'n', size: 3 },
    { x: 5, y: { a: 1 } },
  ),
)
