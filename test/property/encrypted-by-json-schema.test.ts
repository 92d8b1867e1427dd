import { AdminError, createAdmin } from '@livetree/admin'
import { memory } from '@livetree/core'
import { readOnce, toJsonSchema, validateTree } from '@livetree/core/tools'
import { startEmbeddedEtcd } from '@livetree/embedded'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import fc from 'fast-check'
import { defineConfig, etcd, keyring, secret } from 'livetree'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { propertyRuns } from './property-runs.ts'
import { expectShare } from '../support/expect-share.ts'

/** A schema, what it is in words, and values that it takes, as JSON. */
interface Valued {
  readonly schema: z.ZodType
  readonly text: string
  readonly value: fc.Arbitrary<unknown>
}

const valued = (schema: z.ZodType, text: string, value: fc.Arbitrary<unknown>): Valued =>
  Object.defineProperty({ schema, text, value }, fc.toStringMethod, { value: () => text })

const encrypted = <S extends z.ZodType>(schema: S): S => secret(schema, { encrypted: true })

const leaves: readonly Valued[] = [
  valued(encrypted(z.string()), 'encrypted', fc.constantFrom('SECRET', 'HIDDEN')),
  valued(encrypted(z.number()), 'encrypted number', fc.constantFrom(70_707, 80_808)),
  valued(z.string(), 'string', fc.constantFrom('open', 'plain')),
  valued(z.number(), 'number', fc.nat(9)),
]

/** Schemas that come back to themselves through every kind of directory and list. */
interface Node {
  pw?: string | undefined
  open?: string | undefined
}
function recursive(through: (node: z.ZodType<Node>) => z.ZodType, text: string, isListed: boolean): Valued {
  const node: z.ZodType<Node> = z.object({
    pw: encrypted(z.string()).optional(),
    open: z.string().optional(),
    get in() {
      return through(node).optional()
    },
    get also() {
      return z.map(z.string(), node).optional()
    },
  })
  const end = { pw: fc.constant('SECRET'), open: fc.constant('plain') }
  // Whether a directory that may be left out is there where nothing is in it, JSON Schema does not say.
  const named = (value: fc.Arbitrary<unknown>) =>
    fc.dictionary(fc.constantFrom('k', 'kl'), value, { minKeys: 1 })
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3, depthIdentifier: text },
      fc.record(end, { requiredKeys: ['open'] }),
      fc.record(
        { ...end, in: isListed ? fc.tuple(tie('value')) : named(tie('value')), also: named(tie('value')) },
        { requiredKeys: ['open'] },
      ),
    ),
  }))
  return valued(node, text, value)
}
const nodes: readonly Valued[] = [
  recursive((node) => z.map(z.string(), node), 'node through a map', false),
  recursive((node) => z.record(z.string(), node), 'node through a record', false),
  recursive((node) => z.looseRecord(z.string().regex(/^k/), node), 'node through a loose record', false),
  recursive((node) => z.object({}).catchall(node), 'node through other names', false),
  recursive((node) => z.array(node), 'node through a list', true),
  recursive((node) => z.set(node), 'node through a set', true),
  recursive((node) => z.array(z.union([node, z.literal('end')])), 'node through a union', true),
]

function around(inner: fc.Arbitrary<Valued>): fc.Arbitrary<Valued> {
  const one = inner.chain(({ schema, text, value }) => {
    const named = fc.dictionary(fc.constantFrom('k', 'kl'), value, { minKeys: 1 })
    const listed = fc.array(value, { maxLength: 3, minLength: 1 })
    return fc.constantFrom(
      valued(z.map(z.string(), schema), `map ${text}`, named),
      valued(z.map(z.string(), schema).optional(), `optional map ${text}`, named),
      valued(
        z.set(schema),
        `set ${text}`,
        listed.map((items) => items.slice(0, 1)),
      ),
      valued(z.record(z.string(), schema), `record ${text}`, named),
      valued(z.looseRecord(z.string(), schema), `loose record ${text}`, named),
      valued(z.looseRecord(z.string().regex(/^k/), schema), `loose record by ^k of ${text}`, named),
      valued(z.record(z.enum(['k']), schema), `record by k of ${text}`, fc.record({ k: value })),
      valued(z.array(schema), `array ${text}`, listed),
      valued(z.tuple([z.string(), schema]), `tuple ${text}`, fc.tuple(fc.constant('plain'), value)),
      valued(
        z.object({ open: z.string() }).catchall(schema),
        `others ${text}`,
        named.map((others) => ({ ...others, open: 'plain' })),
      ),
      valued(schema.nullable().readonly(), `nullable ${text}`, value),
      valued(
        z.lazy(() => schema),
        `lazy ${text}`,
        value,
      ),
      valued(schema.describe('It.'), `described ${text}`, value),
    )
  })
  const two = fc.tuple(inner, inner).chain(([a, b]) => {
    const shape = { a: a.schema, b: b.schema.optional() }
    const value = fc.record({ a: a.value, b: b.value }, { requiredKeys: ['a'] })
    const text = `{ a: ${a.text}, b?: ${b.text} }`
    const told = fc.oneof(
      fc.record({ t: fc.constant('p'), a: a.value }),
      fc.record({ t: fc.constant('q'), b: b.value }),
    )
    const [p, q] = [
      z.object({ t: z.literal('p'), a: a.schema }),
      z.object({ t: z.literal('q'), b: b.schema }),
    ]
    return fc.constantFrom(
      valued(z.object(shape), text, value),
      valued(z.strictObject(shape), `strict ${text}`, value),
      valued(z.object({ a: a.schema }).and(z.object({ b: b.schema.optional() })), `both ${text}`, value),
      valued(z.discriminatedUnion('t', [p, q]), `p: ${a.text} | q: ${b.text}`, told),
      valued(z.union([p, q]), `one of p: ${a.text} | q: ${b.text}`, told),
    )
  })
  return fc.oneof({ arbitrary: one, weight: 2 }, { arbitrary: two, weight: 1 })
}

const { any } = fc.letrec<{ any: Valued }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(...leaves),
    fc.constantFrom(...nodes),
    around(tie('any')),
  ),
}))

/** Levels that use the one below twice: with it, a schema is written with references. */
const LARGE = Array.from({ length: 14 }).reduce<z.ZodType>(
  (below) => z.object({ l: below.optional(), r: below.optional() }),
  z.object({ x: z.string().optional() }),
)

const KEYS = keyring({ current: { id: 'k1', key: Buffer.alloc(32, 1) } })
const REFUSED = ['invalid_options', 'invalid_path', 'invalid_value', 'invalid_tree', 'unwritable_value']
const RUNS = propertyRuns(1 / 4, 0.1)

let client: EtcdClient
let cases = 0

beforeAll(async () => {
  const server = await startEmbeddedEtcd()
  client = createEtcdClient({ endpoints: [server.endpoint] })
  afterAll(async () => {
    await client.close()
    await server.close()
  })
})

test(`what an admin writes by a JSON Schema is served as the same value, or refused (${RUNS} cases)`, async () => {
  const counted = { served: 0, refused: 0 }
  await fc.assert(
    fc.asyncProperty(
      any.chain((each) => fc.tuple(fc.constant(each), each.value)),
      fc.nat(3).map((share) => share === 0),
      fc.constantFrom('draft-2020-12', 'draft-07', 'openapi-3.0'),
      fc.constantFrom('set', 'import'),
      async ([{ schema }, v], isLarge, target, how) => {
        const store = { client, root: `/config/case-${cases++}` }
        const definition = defineConfig({
          name: 'x',
          schema: z.object({
            v: schema,
            n: z.number().default(0),
            ...(isLarge && { large: LARGE.optional() }),
          }),
          keys: () => KEYS,
          guard: false,
          sources: () => [etcd(store)],
        })
        const jsonSchema = JSON.parse(JSON.stringify(toJsonSchema(definition, { target })))
        const written = await refusedBy(async () => {
          await using admin = createAdmin({ store, jsonSchema, keys: KEYS, author: 'property' })
          await admin.set('n', 1, { force: true })
          if (how === 'set') await admin.set('v', v)
          else await (await admin.import(JSON.stringify({ v, n: 1 }), { format: 'json' })).apply()
        })
        counted[written]++
        if (written === 'refused') return
        const source = await readOnce(memory({ v, n: 1 } as never))
        const expected = validateTree(definition, [source])
        expect(expected.type).toBe('valid')
        await using config = await definition.load({ logger: false })
        expect(config.current).toEqual(expected.type === 'valid' ? expected.value : undefined)
        const { entries } = await client.kv.getRange({ prefix: `${store.root}/` })
        for (const { text } of entries) expect(text).not.toMatch(/SECRET|HIDDEN|70707|80808/)
      },
    ),
    { numRuns: RUNS },
  )
  expectShare('served', counted.served, { of: RUNS, typical: 0.75 })
  expectShare('refused', counted.refused, { of: RUNS, typical: 0.25 })
})

async function refusedBy(write: () => Promise<void>): Promise<'served' | 'refused'> {
  try {
    await write()
    return 'served'
  } catch (error) {
    if (error instanceof AdminError && REFUSED.includes(error.code)) return 'refused'
    throw error
  }
}
