import { type Admin, AdminError, createAdmin, type TransferFormat } from '@livetree/admin'
import { writeValue } from '@livetree/core/tools'
import { startEmbeddedEtcd } from '@livetree/embedded'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import fc from 'fast-check'
import { defineConfig } from 'livetree'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import type * as z from 'zod'
import { arbitraryText } from './arbitrary-schema.ts'
import { arbitraryValuedSchema } from './arbitrary-value.ts'
import { propertyRuns } from './property-runs.ts'
import { expectShare } from '../support/expect-share.ts'

/** Each case writes up to five trees and reads them about twenty times. */
const RUNS = propertyRuns(1 / 5, 0.12)

const FORMATS: readonly TransferFormat[] = ['yaml', 'json', 'dotenv', 'etcdctl']

/** Keys below the directory of a layer, with their texts; the empty one is the key of the layer itself. */
type Keys = ReadonlyMap<string, string>

const isWhole = (text: string) => text.isWellFormed()
const name = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    '0',
    '1',
    '10',
    'a.b',
    'a/b',
    '%',
    ' ',
    '#',
    '<<',
    '- x',
    'null',
    '~',
    '1.5',
    '"q"',
  ),
  fc.constantFrom('__proto__', 'constructor', 'livetree:remove', '.livetree', '[x]', 'a: b', '\n', '\u0085'),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 3 }).filter(isWhole),
)
const text = fc.oneof(
  arbitraryText,
  fc.constantFrom('livetree:remove', '1.10', '1E400', ' 5 ', '"5"', '-0', '[ ]', ' {} ', '~'),
  fc.constantFrom(
    'a\r\nb',
    '\u0085',
    '\ufeffx',
    'a\u2028b',
    '\t',
    '0x10',
    '1_000',
    '007',
    '12345678901234567890',
  ),
  fc.string({ unit: 'grapheme', maxLength: 4 }).filter(isWhole),
)
/** Names inside a document may be empty. */
const { json } = fc.letrec<{ json: unknown }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.oneof(fc.constantFrom<unknown>(null, true, 1.5, '', -0), text),
    fc.array(tie('json'), { maxLength: 3 }),
    fc
      .array(fc.tuple(fc.oneof({ weight: 4, arbitrary: name }, fc.constant('')), tie('json')), {
        maxLength: 3,
      })
      .map((parts) => Object.fromEntries(parts)),
  ),
}))
const encoded = name.map((each) => each.replaceAll('%', '%25').replaceAll('/', '%2F'))
const path = fc.array(encoded, { maxLength: 3 }).map((names) => names.join('/'))
const untypedKeys: fc.Arbitrary<Keys> = fc
  .array(
    fc.tuple(
      path,
      fc.oneof(
        text,
        json.map((value) => JSON.stringify(value)),
      ),
    ),
    { minLength: 1, maxLength: 5 },
  )
  .map((entries) => new Map(entries))

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

type MakeAdmin = (root: string) => Admin<unknown>

/** How many exports came back. */
interface Seen {
  exported: number
  refused: number
  readonly isTyped: boolean
}

/** Imports what was exported over the same tree, which stays as it is, and into an empty one, which becomes the same. */
async function expectBack(make: MakeAdmin, keys: Keys, format: TransferFormat, seen: Seen): Promise<void> {
  const root = await filledTree(keys)
  await using admin = make(root)
  const given = { overlay: 'base', format }
  const exported = await textOf(admin, format)
  if (exported === undefined) {
    // dotenv has no form for some names and texts; the others refuse only what no file can hold.
    expect(format === 'dotenv' || (format !== 'etcdctl' && (isHeldTwice(keys) || isMisnamed(keys)))).toBe(
      true,
    )
    seen.refused++
    return
  }
  seen.exported++
  for (const prune of [false, true]) {
    const plan = await admin.import(exported, { ...given, prune })
    expect(plan.changes.map(({ key, before, after }) => [key, before?.text, after?.text])).toEqual([])
  }
  const other = await filledTree(new Map())
  await using empty = make(other)
  const imported = moved(exported, format, root, other)
  // Only a document of a whole layer holds an empty name at its top, and an import makes none where there is none.
  if (format !== 'etcdctl' && '' in objectOf(keys.get('') ?? '')) {
    await expect(empty.import(imported, given)).rejects.toMatchObject({ code: 'unwritable_value' })
    return
  }
  const planned = empty.import(imported, given)
  if (seen.isTyped && format !== 'etcdctl') {
    const refusal = await planned.catch((error: unknown) => error)
    // Only a document holds some texts: as that of a key, "null" may be read as null.
    if (refusal instanceof AdminError && refusal.code === 'unwritable_value') {
      seen.exported--
      seen.refused++
      return
    }
  }
  const plan = await planned
  if (!plan.isEmpty) await plan.apply({ force: true })
  if (format === 'etcdctl') {
    expect(await keysOf(other)).toEqual(placed(await keysOf(root)))
    return
  }
  if (!seen.isTyped) {
    expect(comparable((await textOf(empty, format)) ?? '', format)).toEqual(comparable(exported, format))
    return
  }
  // With a schema, a key and a document may write one value in two ways: false, and "false".
  const [before, after] = [await admin.read(), await empty.read()]
  expect(after.isValid).toBe(before.isValid)
  if (before.isValid) expect(after.value).toEqual(before.value)
}

async function filledTree(keys: Keys): Promise<string> {
  const root = `/config/case-${cases++}`
  for (const [below, value] of keys)
    await client.kv.put(`${root}/base${below === '' ? '' : `/${below}`}`, value)
  return root
}

/** Undefined where the export is refused. */
async function textOf(admin: Admin<unknown>, format: TransferFormat): Promise<string | undefined> {
  try {
    return (await admin.export({ overlay: 'base', format, reveal: true })).text
  } catch (error) {
    if (error instanceof AdminError && ['unwritable_value', 'invalid_path'].includes(error.code))
      return undefined
    throw error
  }
}

/** A key above another one holds something else than an empty object, or the key of the layer holds no object. */
function isHeldTwice(keys: Keys): boolean {
  return [...keys].some(([key, value]) => {
    const isAbove = [...keys.keys()].some(
      (other) => other !== key && (key === '' || other.startsWith(`${key}/`)),
    )
    const isObject = /^\s*\{/.test(value) && isJson(value)
    return (isAbove && !/^\s*\{\s*\}\s*$/.test(value)) || (key === '' && !isObject)
  })
}

/** A document with a name that no configuration has; what lists hold is taken as a whole. */
function isMisnamed(keys: Keys): boolean {
  const isNamed = (value: unknown): boolean =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.entries(value).some(
      ([each, part]) => each === '__proto__' || each === '.livetree' || isNamed(part),
    )
  return [...keys.values()].some((value) => isNamed(objectOf(value)))
}

function objectOf(value: string): Readonly<Record<string, unknown>> {
  const read: unknown = isJson(value) ? JSON.parse(value) : undefined
  return typeof read === 'object' && read !== null && !Array.isArray(read) ? { ...read } : {}
}

function isJson(value: string): boolean {
  try {
    JSON.parse(value)
    return true
  } catch {
    return false
  }
}

/** The text for another root, whose name etcdctl's form has in each key. */
function moved(exported: string, format: TransferFormat, from: string, to: string): string {
  if (format !== 'etcdctl') return exported
  const { kvs } = JSON.parse(exported) as { kvs: { key: string; value: string }[] }
  const keys = kvs.map(({ key, value }) => {
    const own = Buffer.from(key, 'base64').toString()
    return { key: Buffer.from(to + own.slice(from.length)).toString('base64'), value }
  })
  return JSON.stringify({ kvs: keys })
}

async function keysOf(root: string): Promise<readonly string[]> {
  const { entries } = await client.kv.getRange({ prefix: `${root}/base` })
  return entries.map(({ key, text: value }) => `${key.slice(root.length)}=${value}`)
}

/** Keys that lead nowhere, and those that livetree keeps for itself, are no configuration. */
function placed(keys: readonly string[]): readonly string[] {
  return keys.filter((line) => !/\/__proto__(?:\/|=)|\/\.livetree(?:\/|=)/.test(line))
}

/** Without the order of names, which the keys of a store do not keep. */
function comparable(exported: string, format: TransferFormat): unknown {
  return format === 'dotenv' ? exported.split('\n').sort() : parse(exported, { intAsBigInt: true })
}

test(`without a schema, what export writes, import brings back (${RUNS} cases)`, async () => {
  const seen = { exported: 0, refused: 0, isTyped: false }
  const make = (root: string) =>
    createAdmin({ store: { client, root, overlays: ['base'] } }) as Admin<unknown>
  await fc.assert(
    fc.asyncProperty(untypedKeys, fc.constantFrom(...FORMATS), (keys, format) =>
      expectBack(make, keys, format, seen),
    ),
    { numRuns: RUNS },
  )
  expectShare('exported', seen.exported, { of: RUNS, typical: 0.5 })
})

const typedTree = arbitraryValuedSchema.chain((valued) =>
  fc.record({
    valued: fc.constant(valued),
    value: valued.value,
    // Numbered items of a tuple that takes several kinds of items leave open which of them each is.
    form: fc.constantFrom(undefined, 'document' as const),
    naming: fc.constantFrom('exact', 'kebab-case' as const),
    format: fc.constantFrom(...FORMATS),
  }),
)

test(`with a schema, what export writes, import brings back (${RUNS} cases)`, async () => {
  const seen = { exported: 0, refused: 0, isTyped: true }
  await fc.assert(
    fc.asyncProperty(typedTree, async ({ valued, value, form, naming, format }) => {
      const definition = defineConfig({ name: 'x', schema: valued.schema as z.ZodType, naming, guard: false })
      const keys = keysFor(definition, value, form)
      if (keys === undefined) return
      const make = (root: string) => createAdmin(definition, { store: { client, root, overlays: ['base'] } })
      await expectBack(make, keys, format, seen)
    }),
    { numRuns: RUNS },
  )
  expectShare('exported', seen.exported, { of: RUNS, typical: 0.88 })
})

/** The keys of a value; undefined for one that no text stands for. */
function keysFor(
  definition: ReturnType<typeof defineConfig<z.ZodType>>,
  value: unknown,
  form: 'document' | undefined,
): Keys | undefined {
  try {
    return new Map(writeValue(definition, '', value, { form }).map((leaf) => [leaf.key, leaf.text]))
  } catch {
    return undefined
  }
}
