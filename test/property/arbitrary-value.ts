import fc from 'fast-check'
import * as z from 'zod'
import * as mini from 'zod/mini'

/** A random schema, with the values that it makes: what `current` may hold. */
export interface ValuedSchema {
  readonly schema: z.core.$ZodType
  /** What it is, for the report of a failing case. */
  readonly text: string
  readonly value: fc.Arbitrary<unknown>
}

/** A failing case is reported by its text; a zod schema prints as pages of code. */
const named = (schema: z.core.$ZodType, text: string, value: fc.Arbitrary<unknown>): ValuedSchema =>
  Object.defineProperty({ schema, text, value }, fc.toStringMethod, { value: () => text })

/** Whole characters: half of a surrogate pair has no UTF-8. */
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.constantFrom(
    '',
    ' ',
    '\n',
    'a\n',
    'a\r\n',
    '5',
    '-0',
    '1e3',
    'true',
    'null',
    'NaN',
    '{}',
    '[]',
    '{"a":1}',
  ),
  fc.constantFrom(
    '"x"',
    '[1',
    'AQID',
    '2026-01-02',
    '__proto__',
    'é',
    '\u{1F600}',
    '%2F',
    'a/b',
    'undefined',
  ),
)
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.constantFrom(0, -0, 1e21, 5e-324, 2 ** 53 + 2, 0.1, 1e300),
)
const date = fc.date({
  min: new Date('0000-01-01T00:00:00Z'),
  max: new Date('9999-12-31T23:59:59.999Z'),
  noInvalidDate: true,
})
const bytes = fc.uint8Array({ maxLength: 9 })

const isoDate = z.codec(z.string(), z.date(), {
  decode: (iso) => new Date(iso),
  encode: (value) => value.toISOString(),
})
const href = z.codec(z.url(), z.instanceof(URL), {
  decode: (href) => new URL(href),
  encode: (url) => url.href,
})
const seconds = z.codec(z.number(), z.object({ ms: z.number() }), {
  decode: (s) => ({ ms: s * 1024 }),
  encode: ({ ms }) => ms / 1024,
})
const pair = z.codec(z.tuple([z.string(), z.number()]), z.object({ host: z.string(), port: z.number() }), {
  decode: ([host, port]) => ({ host, port }),
  encode: ({ host, port }) => [host, port] as [string, number],
})

const scalars: readonly ValuedSchema[] = [
  named(z.string(), 'string', text),
  named(mini.string(), 'mini.string', text),
  named(z.coerce.string(), 'coerce.string', text),
  named(
    z.string().trim(),
    'trim',
    text.map((each) => each.trim()),
  ),
  named(
    z.string().transform((each) => each.toLowerCase()),
    'lower',
    text.map((each) => each.toLowerCase()),
  ),
  named(
    z.templateLiteral(['v', z.number()]),
    'template',
    fc.nat().map((each) => `v${each}`),
  ),
  named(z.number(), 'number', number),
  named(z.coerce.number(), 'coerce.number', number),
  named(z.int(), 'int', fc.maxSafeInteger()),
  named(z.string().pipe(z.coerce.number()), 'string|coerce.number', number),
  named(
    z.preprocess((each) => Number(each), z.number()),
    'preprocess number',
    number,
  ),
  named(z.bigint(), 'bigint', fc.bigInt()),
  named(z.coerce.bigint(), 'coerce.bigint', fc.bigInt()),
  named(z.boolean(), 'boolean', fc.boolean()),
  named(z.coerce.boolean(), 'coerce.boolean', fc.boolean()),
  named(z.stringbool(), 'stringbool', fc.boolean()),
  named(z.stringbool({ truthy: ['ja'], falsy: ['nein'] }), 'ja|nein', fc.boolean()),
  named(z.date(), 'date', date),
  named(z.coerce.date(), 'coerce.date', date),
  named(z.nan(), 'nan', fc.constant(Number.NaN)),
  named(z.null(), 'null', fc.constant(null)),
  named(z.enum(['on', 'off', 'null', '1']), 'enum', fc.constantFrom('on', 'off', 'null', '1')),
  named(z.enum({ Low: 0, High: 1 }), 'numeric enum', fc.constantFrom(0, 1)),
  named(z.literal([1, 'one', true, null, 5n]), 'literal', fc.constantFrom(1, 'one', true, null, 5n)),
  named(z.instanceof(Uint8Array), 'bytes', bytes),
  named(
    z.instanceof(Buffer),
    'Buffer',
    bytes.map((each) => Buffer.from(each)),
  ),
  named(isoDate, 'iso codec', date),
  named(
    href,
    'URL codec',
    fc.webUrl().map((each) => new URL(each)),
  ),
  named(
    seconds,
    'object codec',
    fc.integer().map((each) => ({ ms: each * 1024 })),
  ),
  named(pair, 'tuple codec', fc.record({ host: text, port: number })),
  named(z.json(), 'json', fc.jsonValue({ maxDepth: 2 }).filter(hasPlainNumbers)),
  named(z.unknown(), 'unknown text', text),
]

/** JSON text of a number that no `number` holds exactly stays text, so that `z.json()` makes none of it. */
function hasPlainNumbers(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isInteger(value) || Number.isSafeInteger(value)
  return typeof value !== 'object' || value === null || Object.values(value).every(hasPlainNumbers)
}

/** Names that keys, paths and JavaScript treat in their own ways. */
const name = fc
  .oneof(
    fc.constantFrom(
      'a',
      'b',
      '0',
      '1',
      '10',
      'maxSize',
      'max-size',
      'a/b',
      '%',
      'a.b',
      'constructor',
      ' ',
      'é',
      '',
    ),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 4 }),
  )
  .filter((each) => each !== '__proto__' && each !== 'toJSON')

/** A default stands in for what is missing, also through other wrappers. */
const isFilled = ({ text }: ValuedSchema) => /\.default(\.\w+)*$/.test(text)

const wrappers: readonly ((inner: ValuedSchema) => ValuedSchema)[] = [
  (inner) =>
    named(
      z.optional(inner.schema),
      `${inner.text}.optional`,
      isFilled(inner) ? inner.value : fc.option(inner.value, { nil: undefined }),
    ),
  (inner) => named(z.nullable(inner.schema), `${inner.text}.nullable`, fc.option(inner.value)),
  // zod freezes what it makes, which no bytes allow
  (inner) =>
    /bytes|Buffer/.test(inner.text)
      ? inner
      : named(z.readonly(inner.schema), `${inner.text}.readonly`, inner.value),
  (inner) =>
    named(
      z.lazy(() => inner.schema),
      `${inner.text}.lazy`,
      inner.value,
    ),
  (inner) =>
    named(
      z._default(inner.schema, () => 'x' as never),
      `${inner.text}.default`,
      given(inner),
    ),
  (inner) => named(z.nonoptional(z.optional(inner.schema)), `${inner.text}.nonoptional`, given(inner)),
]

const given = ({ value }: ValuedSchema) => value.filter((each) => each !== undefined)

/** The optional items at the end of a tuple are missing in what zod makes. */
const withoutMissing = (items: readonly unknown[]) =>
  items.slice(0, items.findLastIndex((item) => item !== undefined) + 1)

const containers: readonly ((inner: ValuedSchema, other: ValuedSchema) => ValuedSchema)[] = [
  ({ schema, text, value }) => named(z.array(schema), `array(${text})`, fc.array(value, { maxLength: 3 })),
  ({ schema, text, value }, other) =>
    named(
      z.tuple([schema, other.schema]),
      `tuple(${text}, ${other.text})`,
      fc.tuple(value, other.value).map(withoutMissing),
    ),
  ({ schema, text, value }, other) =>
    named(
      z.tuple([schema], other.schema),
      `tuple(${text}, …${other.text})`,
      fc
        .tuple(value, fc.array(other.value, { maxLength: 2 }))
        .map(([first, rest]) => withoutMissing([first, ...rest])),
    ),
  ({ schema, text, value }) =>
    named(
      z.record(z.string(), schema),
      `record(${text})`,
      fc.dictionary(name, value, { maxKeys: 3, noNullPrototype: true }),
    ),
  ({ schema, text, value }) =>
    named(
      z.partialRecord(z.enum(['x', 'y']), schema),
      `partialRecord(${text})`,
      fc.dictionary(fc.constantFrom('x', 'y'), value, { noNullPrototype: true }),
    ),
  ({ schema, text, value }) =>
    named(
      z.map(z.string(), schema),
      `map(${text})`,
      fc.dictionary(name, value, { maxKeys: 3 }).map((each) => new Map(Object.entries(each))),
    ),
  ({ schema, text, value }) =>
    named(
      z.map(z.number(), schema),
      `number map(${text})`,
      fc
        .uniqueArray(fc.tuple(fc.integer(), value), { maxLength: 3, selector: ([key]) => key })
        .map((each) => new Map(each)),
    ),
  () =>
    named(
      z.set(z.number()),
      'set(number)',
      fc.array(fc.integer(), { maxLength: 3 }).map((each) => new Set(each)),
    ),
  () =>
    named(
      z.set(z.date()),
      'set(date)',
      fc.uniqueArray(date, { maxLength: 2, selector: Number }).map((each) => new Set(each)),
    ),
  ({ schema, text, value }) =>
    named(
      z.discriminatedUnion('kind', [
        z.object({ kind: z.literal('t'), value: schema }),
        z.object({ kind: z.literal(2), size: z.number() }),
      ]),
      `tagged(${text})`,
      fc.oneof(
        fc.record({ kind: fc.constant('t'), value }),
        fc.record({ kind: fc.constant(2), size: number }),
      ),
    ),
  ({ schema, text, value }) =>
    named(
      z.union([z.object({ one: schema }), z.array(z.number()), z.boolean(), z.string().min(1)]),
      `union({ one: ${text} }, …)`,
      fc.oneof(
        fc.record({ one: value }),
        fc.array(number, { maxLength: 2 }),
        fc.boolean(),
        fc.constantFrom('x', 'truth'),
      ),
    ),
  ({ schema, text, value }) =>
    named(
      z.intersection(z.object({ value: schema }), z.object({ maxSize: z.number().optional() })),
      `intersection(${text})`,
      fc.record({ value, maxSize: number }, { requiredKeys: ['value'] }),
    ),
]

const NAMES = ['maxSize', 'b', 'URLOf', 'constructor'] as const

function objectOf(parts: readonly ValuedSchema[], kind: number): ValuedSchema {
  const shape = Object.fromEntries(parts.map(({ schema }, index) => [NAMES[index] as string, schema]))
  const value = fc.record(
    Object.fromEntries(parts.map((part, index) => [NAMES[index] as string, part.value])),
    { noNullPrototype: true },
  )
  const schemas = [z.object(shape), z.strictObject(shape), mini.object(shape), z.looseObject(shape)]
  return named(
    schemas[kind % schemas.length] as z.core.$ZodType,
    `object{${parts.map((part, index) => `${NAMES[index]}: ${part.text}`).join(', ')}}`,
    value,
  )
}

const { tree } = fc.letrec<{ tree: ValuedSchema }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    { weight: 3, arbitrary: fc.constantFrom(...scalars) },
    {
      weight: 2,
      arbitrary: fc.tuple(fc.constantFrom(...wrappers), tie('tree')).map(([wrap, inner]) => wrap(inner)),
    },
    {
      weight: 3,
      arbitrary: fc
        .tuple(fc.constantFrom(...containers), tie('tree'), tie('tree'))
        .map(([hold, inner, other]) => hold(inner, other)),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.array(tie('tree'), { minLength: 1, maxLength: 3 }), fc.nat(3))
        .map(([parts, kind]) => objectOf(parts, kind)),
    },
  ),
}))

/** Random schemas with an object at the root, as configurations have. */
export const arbitraryValuedSchema: fc.Arbitrary<ValuedSchema> = fc
  .tuple(fc.array(tree, { minLength: 1, maxLength: 3 }), fc.nat(3))
  .map(([parts, kind]) => objectOf(parts, kind))
