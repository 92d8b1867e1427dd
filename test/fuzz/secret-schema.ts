import { createSecretKey } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import * as z from 'zod'
import { type DeepReadonly, sealed, secret } from '../../packages/core/src/index.ts'
import { makeEnvelope } from '../../packages/core/src/encryption/envelope.ts'
import type { PlantedSecret } from './planted-secret.ts'

/** The key that encrypted places are encrypted with. */
export const FUZZ_KEY = { id: 'k0', key: Buffer.from('nobody-prints-me-0123456789-abcd') }
const ENVELOPE_KEY = { id: FUZZ_KEY.id, key: createSecretKey(FUZZ_KEY.key) }
const encrypted = { encrypted: true } as const

type Shape = (value: string | number) => unknown

/** A message of the schema's own author, who quotes what was given. */
const quoting = { error: (issue: { input?: unknown }) => `what is ${String(issue.input)}?` }

const login = z.object({
  user: z.string().optional(),
  password: secret(z.string().min(8)),
  pool: z.number().optional(),
})

/** Holds itself, with a secret on each level. */
const chain = z.object({
  password: secret(z.string()).optional(),
  get x() {
    return chain.optional()
  },
})

/** What a schema's author may make of a secret before he puts it into words. */
const FORMS: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => text.trim().toLowerCase(),
  (text) => text.toUpperCase(),
  (text) => encodeURIComponent(text.toWellFormed()),
  (text) => Buffer.from(text).toString('base64'),
  (text) => JSON.stringify({ text }),
  (text) => text.slice(0, text.length / 2),
  (text) => text.slice(text.length / 2),
  (text) => Number(text).toLocaleString('en-US'),
]

/** Every way in which the code of an object may speak of what is in it. */
function speak(value: object, context: z.core.$RefinementCtx): void {
  const texts = Object.values(value).filter((part) => typeof part === 'string' || typeof part === 'number')
  for (const text of texts.map(String)) {
    // One form each, by its length, so that a case stays small.
    const said = FORMS[text.length % FORMS.length]!(text)
    context.addIssue({ code: 'custom', message: `what is ${said}?` })
    context.addIssue({ code: 'custom', message: `what is ${said}?`, path: ['user'] })
    context.addIssue({ code: 'custom', message: 'what is it?', path: [said, 'x'] })
    context.addIssue({ code: 'custom', message: 'what is it?', path: ['limits', said] })
    context.addIssue({ code: 'custom', message: 'what is it?', path: ['password', said] })
    context.addIssue({ code: 'invalid_type', expected: said as 'string', message: said, path: ['user'] })
    context.addIssue({ code: said as 'custom', message: 'what is it?' })
  }
}

const spoken = z.object({
  password: secret(z.string()).optional(),
  pin: secret(z.number()).default(4_711_471_147_114),
  user: z.string().optional(),
  limits: z.record(z.string(), z.number()).optional(),
})

/** A secret in every kind of place that a schema has. */
export const secretSchema = z.object({
  plain: z.number().optional(),
  password: secret(z.string()).optional(),
  quoted: secret(z.string().regex(/^never$/, quoting)).optional(),
  url: secret(z.url()).optional(),
  sealed: sealed(z.string()).optional(),
  sealedList: sealed(z.array(z.string().max(60, quoting))).optional(),
  vault: z
    .object({ password: sealed(z.string().min(3)), user: z.string().optional() })
    .refine(({ password }) => password.reveal() !== '', { error: 'empty' })
    .optional(),
  pin: secret(z.number().int()).optional(),
  flag: secret(z.boolean()).optional(),
  when: secret(z.date()).optional(),
  bytes: secret(z.instanceof(Uint8Array)).optional(),
  level: secret(z.enum(['low', 'high'])).optional(),
  list: secret(z.array(z.string())).optional(),
  tokens: z.array(secret(z.string().max(60, quoting))).optional(),
  // whoever takes it for a map puts what he likes in the first place, which is not secret: nothing that is planted fits
  pair: z.tuple([z.number().max(9), secret(z.string())]).optional(),
  bag: z.set(secret(z.string())).optional(),
  map: z.map(z.string(), secret(z.string())).optional(),
  byName: z.record(z.string(), secret(z.string().min(3))).optional(),
  db: login.optional(),
  strict: z.strictObject({ password: secret(z.string()), user: z.string().optional() }).optional(),
  open: z.object({ user: z.string().optional() }).catchall(secret(z.string())).optional(),
  auth: z
    .discriminatedUnion('kind', [
      z.object({ kind: z.literal('basic'), password: secret(z.string().min(6)) }),
      z.object({ kind: z.literal('none') }),
    ])
    .optional(),
  either: z
    .union([z.object({ token: secret(z.string()) }), z.object({ pool: z.number() }), secret(z.string())])
    .optional(),
  both: z
    .intersection(z.object({ a: secret(z.string()) }), z.object({ pool: z.number().optional() }))
    .optional(),
  piped: secret(z.string())
    .transform((text) => ({ made: text }))
    .optional(),
  reshaped: z
    .object({ password: secret(z.string()) })
    .transform(({ password }) => ({ made: [password] }))
    .optional(),
  throwing: secret(z.string())
    .transform((text) => {
      throw new Error(`cannot use ${text}`)
    })
    .optional(),
  refined: z
    .object({ password: secret(z.string()), pool: z.number().optional() })
    .superRefine(({ password, pool }, context) => {
      if (pool === undefined)
        context.addIssue({ code: 'custom', message: `what is ${password}?`, path: ['pool'] })
      if (pool === 13) throw new Error(`cannot judge ${password}`)
    })
    .optional(),
  chain: chain.optional(),
  spoken: spoken.superRefine(speak).optional(),
  spokenList: z.array(spoken.superRefine(speak)).optional(),
  parsed: secret(z.string())
    .transform((text) => JSON.parse(text) as unknown)
    .optional(),
  keyed: z
    .object({ password: secret(z.string()) })
    .transform(({ password }) => ({ [password]: { [password]: 1 } }))
    .optional(),
  piledUp: z
    .object({ password: secret(z.string()) })
    .transform(({ password }) => ({ user: password.toLowerCase() }))
    .pipe(z.object({ user: z.string().max(20, quoting) }))
    .optional(),
  codec: z
    .codec(secret(z.string()), z.object({ url: z.string() }), {
      decode: (url) => ({ url }),
      encode: ({ url }) => url,
    })
    .optional(),
  overwritten: z
    .object({ password: secret(z.string()), user: z.string().optional() })
    .overwrite((value) => ({ ...value, user: value.password }))
    .optional(),
  caught: z
    .object({ password: secret(z.string()), user: z.string().optional(), pool: z.number() })
    .catch(({ value }) => ({ password: '', pool: 0, user: JSON.stringify(value) }))
    .optional(),
  records: z.array(z.record(z.string(), secret(z.string()))).optional(),
  crypt: secret(z.string().min(3), encrypted).optional(),
  cryptPin: secret(z.number().int(), encrypted).optional(),
  cryptList: secret(z.array(z.string().max(60, quoting)), encrypted).optional(),
  cryptHolder: sealed(z.string(), encrypted).optional(),
  cryptByName: z.record(z.string(), secret(z.string().regex(/^[^\0]*$/, quoting), encrypted)).optional(),
  cryptLogin: z
    .object({ password: secret(z.string(), encrypted), user: z.string().optional() })
    .superRefine(({ password }, context) => {
      context.addIssue({ code: 'custom', message: `what is ${password}?`, path: ['user'] })
    })
    .optional(),
})

/** A value as an envelope for this place. */
const sealedFor =
  (...path: readonly string[]): Shape =>
  (value) =>
    makeEnvelope(ENVELOPE_KEY, path, String(value))
/** Envelopes that do not open: of another place, or without their end. */
const damagedFor =
  (...path: readonly string[]): Shape =>
  (value) =>
    makeEnvelope(ENVELOPE_KEY, path, String(value)).slice(0, -String(value).length % 7 || undefined)

/** Paths at which a secret may stand: places for one, what is around them, and what looks like them. */
const PLACES = [
  ...Object.keys(secretSchema.shape).filter((name) => name !== 'plain'),
  '',
  'tokens/0',
  'tokens/x',
  'list/0',
  'pair/1',
  'bag/0',
  'map/x',
  'byName/x',
  'byName/__proto__',
  'byName/toJSON',
  'open/toJSON',
  'spoken/password',
  'spoken/pin',
  'spokenList/0/password',
  'keyed/password',
  'piledUp/password',
  'overwritten/password',
  'caught/password',
  'records/0/x',
  'records/0/toJSON',
  'db/password',
  'db/password/x',
  'vault/password',
  'vault/passwrod',
  'sealedList/0',
  'db/passwrod',
  'strict/password',
  'strict/passwrod',
  'open/x',
  'auth/password',
  'auth/passwrod',
  'either/token',
  'either/x',
  'both/a',
  'refined/password',
  'chain/password',
  'chain/x/password',
  'chain/x/x/passwrod',
  'passwrod',
  'pasword/x',
  'x/y/z',
  'password/x',
  'cryptByName/x',
  'cryptLogin/password',
  'cryptLogin/passwrod',
  'cryptList/0',
] as const

/** Values for places that hold none. */
const HARMLESS: readonly (readonly [string, unknown])[] = [
  ['auth/kind', 'basic'],
  ['auth/kind', 'none'],
  ['auth/kind', 'wrong'],
  ['db/pool', '5'],
  ['db/pool', 'many'],
  ['plain', '5'],
  ['plain', 'five'],
  ['refined/pool', '1'],
  ['refined/pool', '13'],
  ['both/pool', '1'],
  ['pair/0', '1'],
  ['pair/0', 'one'],
  ['db/user', 'u'],
]

/** Where a secret is taken, and how it has to be written there. */
const GOOD: readonly (readonly [string, Shape])[] = [
  ['password', String],
  ['url', (value) => `https://u:${encodeURIComponent(value)}@example.org/`],
  ['list', (value) => JSON.stringify([value, 'x'].map(String))],
  ['list/0', String],
  ['sealed', String],
  ['sealedList', (value) => JSON.stringify([String(value).slice(0, 40)])],
  ['sealedList/0', (value) => String(value).slice(0, 40)],
  ['vault/password', String],
  ['vault', (value) => JSON.stringify({ password: String(value), user: 'u' })],
  ['tokens/0', (value) => String(value).slice(0, 40)],
  ['pair', (value) => [1, String(value)]],
  ['bag/0', String],
  ['map/x', String],
  ['byName/x', String],
  ['db/password', String],
  ['db', (value) => JSON.stringify({ password: String(value), user: 'u' })],
  ['strict/password', String],
  ['open/x', String],
  ['auth', (value) => ({ kind: 'basic', password: String(value) })],
  ['auth/password', String],
  ['either', (value) => JSON.stringify({ token: String(value) })],
  ['either', String],
  ['both/a', String],
  ['piped', String],
  ['reshaped/password', String],
  ['refined', (value) => ({ password: String(value), pool: 5 })],
  ['chain/x/password', String],
  ['spoken/password', String],
  ['spoken/pin', String],
  ['spokenList/0/password', String],
  ['parsed', String],
  ['parsed', (value) => JSON.stringify({ made: value })],
  ['keyed/password', String],
  ['piledUp/password', String],
  ['codec', String],
  ['overwritten/password', String],
  ['caught/password', String],
  ['caught', (value) => ({ password: String(value), pool: 'many' })],
  ['records', (value) => JSON.stringify([{ x: String(value), toJSON: 'x' }])],
  ['byName', (value) => JSON.stringify({ x: String(value), toJSON: 'x' })],
  ['passwrod', String],
  ['chain/passwrod', String],
  ['crypt', sealedFor('crypt')],
  ['crypt', damagedFor('crypt')],
  ['crypt', sealedFor('cryptPin')],
  ['cryptPin', sealedFor('cryptPin')],
  ['cryptList', (value) => sealedFor('cryptList')(JSON.stringify([String(value)]))],
  ['cryptList/0', sealedFor('cryptList', '0')],
  ['cryptHolder', sealedFor('cryptHolder')],
  ['cryptByName/x', sealedFor('cryptByName', 'x')],
  ['cryptByName', (value) => JSON.stringify({ x: sealedFor('cryptByName', 'x')(value) })],
  ['cryptLogin/password', sealedFor('cryptLogin', 'password')],
  ['plain', sealedFor('plain')],
]
const NEEDED: readonly (readonly [string, unknown])[] = [
  ['auth/kind', 'basic'],
  ['pair/0', '1'],
]

/** One leaf of a tree; an undefined value removes it. */
export interface PlantedLeaf {
  readonly path: string
  readonly value: unknown
}

const part = fc.constantFrom<Shape>(
  (value) => value,
  (value) => String(value),
  (value) => [value],
  (value) => ({ x: value }),
  () => 5,
  () => null,
)
const document = fc
  .array(
    fc.tuple(
      fc.constantFrom('password', 'password', 'token', 'a', 'x', 'passwrod', '0', '__proto__', 'toJSON'),
      part,
    ),
    { minLength: 1, maxLength: 4 },
  )
  .chain((parts) =>
    fc
      .constantFrom({}, { kind: 'basic' }, { pool: 5 }, { pool: 13 }, { pool: 'many' })
      .map(
        (rest) => (value: string | number) =>
          Object.fromEntries([
            ...Object.entries(rest),
            ...parts.map(([name, make]) => [name, make(value)]),
          ]) as unknown,
      ),
  )

const shape: fc.Arbitrary<Shape> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom<Shape>(
      (value) => value,
      (value) => String(value),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Shape>(
      (value) => Buffer.from(String(value)).toString('base64'),
      (value) => Buffer.from(String(value)),
      (value) => new Map([['password', value]]),
      (value) => new Set([value]),
      (value) => `[${JSON.stringify(value)}, ${JSON.stringify(value)}]`,
      (value) => [value, value],
      (value) => `{"password": ${JSON.stringify(value)}, `,
      (value) => `["${value}`,
      (value) => ({ a: { password: [value] } }),
    ),
  },
  { weight: 2, arbitrary: document },
  { weight: 2, arbitrary: document.map((make) => (value: string | number) => JSON.stringify(make(value))) },
)

/** Leaves with the given secrets in them that the schema takes, mostly. */
const goodLeaves = (secrets: readonly PlantedSecret[]): fc.Arbitrary<readonly PlantedLeaf[]> =>
  fc.array(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc
          .tuple(fc.constantFrom(...GOOD), fc.constantFrom(...secrets))
          .map(([[path, make], { value }]) => ({ path, value: make(value) })),
      },
      { weight: 1, arbitrary: fc.constantFrom(...NEEDED).map(([path, value]) => ({ path, value })) },
    ),
    { minLength: 1, maxLength: 3 },
  )

/** Leaves with the given secrets in them, and some without. */
export const plantedLeaves = (secrets: readonly PlantedSecret[]): fc.Arbitrary<readonly PlantedLeaf[]> =>
  fc.oneof({ weight: 3, arbitrary: goodLeaves(secrets) }, { weight: 2, arbitrary: anyLeaves(secrets) })

const anyLeaves = (secrets: readonly PlantedSecret[]): fc.Arbitrary<readonly PlantedLeaf[]> =>
  fc.array(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc
          .tuple(fc.constantFrom(...PLACES), fc.constantFrom(...secrets), shape)
          .map(([path, { value }, make]) => ({ path, value: make(value) })),
      },
      { weight: 3, arbitrary: fc.constantFrom(...HARMLESS).map(([path, value]) => ({ path, value })) },
      { weight: 1, arbitrary: fc.constantFrom(...PLACES).map((path) => ({ path, value: undefined })) },
    ),
    { minLength: 1, maxLength: 6 },
  )

export type SecretConfig = DeepReadonly<z.output<typeof secretSchema>>

/** Parts of a value that are no secret themselves and may hold one: printing them must leave it out. */
export function shownPaths({
  db,
  strict,
  open,
  auth,
  both,
  refined,
  reshaped,
  byName,
  chain: first,
  keyed,
  piledUp,
  codec,
  overwritten,
  caught,
  records,
  sealed: holder,
  sealedList,
  vault,
}: SecretConfig): readonly unknown[] {
  return [
    db,
    strict,
    open,
    auth,
    both,
    refined,
    reshaped,
    byName,
    first,
    first?.x,
    keyed,
    piledUp,
    codec,
    overwritten,
    caught,
    records?.[0],
    holder,
    sealedList,
    // a holder shows nothing either to those that copy what they print
    { ...vault },
    Object.entries(vault ?? {}),
    structuredClone({ holder, sealedList, ...vault }),
    inspect(
      { holder, sealedList, ...vault },
      { customInspect: false, showHidden: true, getters: true, depth: 9 },
    ),
  ]
}
