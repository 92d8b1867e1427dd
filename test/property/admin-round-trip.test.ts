import { type Admin, AdminError, createAdmin } from '@livetree/admin'
import { writeValue } from '@livetree/core/tools'
import { startEmbeddedEtcd } from '@livetree/embedded'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import fc from 'fast-check'
import { defineConfig, etcd, keyring, secret } from 'livetree'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type * as z from 'zod'
import { arbitraryValuedSchema } from './arbitrary-value.ts'
import { propertyRuns } from './property-runs.ts'
import { expectShare } from '../support/expect-share.ts'

/** Each case loads a configuration three times and writes its tree as often. */
const RUNS = propertyRuns(1 / 4, 0.12)

const arbitraryCase = arbitraryValuedSchema.chain((valued) =>
  fc.record({
    valued: fc.constant(valued),
    values: fc.tuple(valued.value, valued.value),
    naming: fc.constantFrom('exact', 'kebab-case' as const),
    layers: fc.constantFrom(['base'], ['base', 'prod'], ['zones/eu', 'prod', 'last'] as const),
    target: fc.nat(2),
    isEncrypted: fc.boolean(),
  }),
)

const KEYS = keyring({ current: { id: 'k1', key: Buffer.alloc(32, 1) }, plaintext: 'accept' })

function schemaOf(schema: z.ZodType, isEncrypted: boolean): z.ZodType {
  return isEncrypted ? secret(schema, { encrypted: true }) : schema
}

/** No key of an encrypted tree has plain text, but for containers with nothing in them. */
async function expectEncrypted(root: string): Promise<void> {
  const { entries } = await client.kv.getRange({ prefix: `${root}/` })
  const plain = entries.filter(({ text }) => !text.startsWith('livetree:encrypted:1:k1:'))
  expect(plain.map(({ text }) => text)).toEqual([])
}

/** A value that no text stands for; see write-value.test.ts. A tuple without its first item is one. */
function isUnwritable(error: unknown): boolean {
  if (!(error instanceof AdminError)) return false
  return error.code === 'unwritable_value' || error.code === 'too_large'
}

let client: EtcdClient
let endpoint: string
let cases = 0

beforeAll(async () => {
  const server = await startEmbeddedEtcd()
  endpoint = server.endpoint
  client = createEtcdClient({ endpoints: [endpoint] })
  afterAll(async () => {
    await client.close()
    await server.close()
  })
})

test(`what set writes, load reads as the same value; rollback leaves the tree as it was (${RUNS} cases)`, async () => {
  let written = 0
  await fc.assert(
    fc.asyncProperty(
      arbitraryCase,
      async ({ valued, values: [first, second], naming, layers, target, isEncrypted }) => {
        const root = `/config/case-${cases++}`
        const store = { client, root, overlays: [...layers] }
        const definition = defineConfig({
          name: 'x',
          schema: schemaOf(valued.schema as z.ZodType, isEncrypted),
          keys: () => KEYS,
          naming,
          guard: false,
          sources: () => [etcd(store)],
        })
        await using admin = createAdmin(definition, { author: 'property' })
        const overlay = layers[target % layers.length] ?? layers[0]
        const before = await write(admin, first, overlay)
        if (before === undefined) return
        expect(await loaded(definition)).toEqual(first)
        const kept = await keysOf(root)
        if (isEncrypted) await expectEncrypted(root)
        const explained = await explanationOf(admin)
        if ((await write(admin, second, overlay)) === undefined) return
        expect(await loaded(definition)).toEqual(second)
        const plan = await admin.rollback({ to: before })
        await plan.apply({ allowRemoval: true })
        expect(await keysOf(root)).toEqual(kept)
        expect(await explanationOf(admin)).toEqual(explained)
        expect(await loaded(definition)).toEqual(first)
        written++
      },
    ),
    { numRuns: RUNS },
  )
  expectShare('written', written, { of: RUNS, typical: 0.99 })
})

test(`what set edits inside a document, load reads as the same value (${RUNS} cases)`, async () => {
  let written = 0
  await fc.assert(
    fc.asyncProperty(
      arbitraryCase,
      async ({ valued, values: [first, second], naming, target, isEncrypted }) => {
        const root = `/config/case-${cases++}`
        const sources = () => [etcd({ client, root, overlays: ['base'] })]
        // the document as a whole is an envelope once it was edited
        const schema = schemaOf(valued.schema as z.ZodType, isEncrypted)
        const keys = () => KEYS
        const definition = defineConfig({ name: 'x', schema, naming, guard: false, sources, keys })
        const document = documentOf(definition, first)
        if (document === undefined || !isRecord(first) || !isRecord(second)) return
        await client.kv.put(`${root}/base`, document)
        await using admin = createAdmin(definition, { author: 'property' })
        let change = admin.change()
        // One part after the other, beginning anywhere, on what the parts before have left.
        const names = [...new Set([...Object.keys(first), ...Object.keys(second)])]
        const start = target % Math.max(1, names.length)
        for (const name of [...names.slice(start), ...names.slice(0, start)]) {
          if (second[name] !== undefined) change = change.set([name], second[name])
          else if (first[name] !== undefined) change = change.unset([name])
        }
        try {
          const plan = await change.plan()
          await plan.apply({ allowRemoval: true })
        } catch (error) {
          if (isUnwritable(error)) return
          throw error
        }
        expect(await loaded(definition)).toEqual(second)
        const { entries } = await client.kv.getRange({ prefix: `${root}/` })
        expect(entries.map(({ key }) => key)).toEqual([`${root}/base`])
        written++
      },
    ),
    { numRuns: RUNS },
  )
  expectShare('written', written, { of: RUNS, typical: 0.99 })
})

/** The whole tree as one document; undefined for a value that none stands for. */
function documentOf(
  definition: ReturnType<typeof defineConfig<z.ZodType>>,
  value: unknown,
): string | undefined {
  try {
    return writeValue(definition, '', value, { form: 'document' })[0]?.text
  } catch {
    return undefined
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

/** Sets the whole tree; the revision, or undefined for a value that no text stands for. */
async function write(admin: Admin<unknown>, value: unknown, overlay: string): Promise<number | undefined> {
  try {
    const plan = await admin.change({ overlay }).set('', value).plan()
    const applied = await plan.apply({ allowRemoval: true })
    return applied.revision
  } catch (error) {
    if (isUnwritable(error)) return undefined
    throw error
  }
}

async function loaded(definition: ReturnType<typeof defineConfig<z.ZodType>>): Promise<unknown> {
  await using config = await definition.load({ logger: false })
  return config.current
}

async function keysOf(root: string): Promise<readonly string[]> {
  const { entries } = await client.kv.getRange({ prefix: `${root}/` })
  return entries.map(({ key, text }) => `${key}=${text}`).filter((line) => !line.includes('/.livetree/'))
}

/** Everything but the revisions, which are new ones. */
async function explanationOf(admin: Admin<unknown>): Promise<unknown> {
  const tree = await admin.read()
  const paths = [...new Set(tree.entries().map(({ pathText }) => pathText))]
  return paths.map((path) => {
    const { value, layers } = tree.explain(path)
    return { path, value, layers: layers.map(({ origin, value: text }) => ({ key: origin.key, text })) }
  })
}
