import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { BASE, loadFrom, material, sealed } from '../encrypted-config.test.kit.ts'
import { keyring } from '../keyring/keyring.ts'
import { secret } from '../schema/secret.ts'
import { createManualSource } from '../testing/manual-source.ts'

const encrypted = <S extends z.ZodType>(schema: S) => secret(schema, { encrypted: true })
const text = () => encrypted(z.string())
const envelope = (...names: string[]) => sealed('k1', 1, ['v', ...names], 'PLAINTXT')
const prod = { ...BASE, name: 'etcd:/app/prod', keyPrefix: '/app/prod/', documentKey: '/app/prod' }

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'livetree-encrypted-snapshot-'))
})
afterAll(() => rm(directory, { recursive: true }))

let count = 0

/** What a start without the store serves, after one with it; and what is in the file. */
async function restarted(
  v: z.ZodType,
  values: Readonly<Record<string, string>>,
  plaintext: 'accept' | 'reject' = 'reject',
  naming?: 'kebab-case',
) {
  const schema = z.object({ v })
  const snapshot = { path: join(directory, String(++count)) }
  const keys = keyring({ current: material('k1', 1), plaintext })
  const layers = [BASE, prod]
  const first = await loadFrom(schema, values, { keys, snapshot, layers, ...(naming && { naming }) })
  const served = JSON.stringify(plainOf(first.config.current))
  await first.config.close()
  const file = await readFile(snapshot.path, 'utf8')
  const again = await defineConfig({ name: 'shop', schema, naming })
    .load({
      sources: [createManualSource({ name: 'etcd', layers })],
      keys,
      snapshot,
      logger: false,
      startup: { onUnavailable: 'snapshot', timeoutMs: 20 },
    })
    .catch(() => undefined)
  const restored = again && JSON.stringify(plainOf(again.current))
  await again?.close()
  return { served, restored, file }
}

function plainOf(value: unknown): unknown {
  if (value instanceof Map) return plainOf([...value])
  if (value instanceof Set || Array.isArray(value)) return Array.from(value, plainOf)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.keys(value).map((name) => [name, plainOf(Reflect.get(value, name))]))
}

const doc = z.object({ url: z.string(), password: text().optional() })
test.each<[string, z.ZodType, Readonly<Record<string, string>>]>([
  ['as a whole', text(), { v: envelope() }],
  ['in a document', doc, { v: JSON.stringify({ url: 'u', password: envelope('password') }) }],
  ['in a list', z.array(text()), { v: JSON.stringify([envelope('0'), envelope('1')]) }],
  [
    'in objects of a list',
    z.array(doc),
    { v: JSON.stringify([{ url: 'u', password: envelope('0', 'password') }]) },
  ],
  ['in a tuple', z.tuple([text(), text()]), { v: JSON.stringify([envelope('0'), envelope('1')]) }],
  ['in a set', z.set(text()), { v: JSON.stringify([envelope('0')]) }],
  ['in a map', z.map(z.string(), text()), { v: JSON.stringify({ a: envelope('a') }) }],
  [
    'in a record of documents',
    z.record(z.string(), doc),
    { v: JSON.stringify({ a: { url: 'u', password: envelope('a', 'password') } }) },
  ],
  [
    'in a union',
    z.union([text(), z.object({ a: text(), b: z.string() })]),
    { v: JSON.stringify({ a: envelope('a'), b: envelope('b') }) },
  ],
  [
    'in all of an object',
    encrypted(z.object({ a: z.string(), b: z.string() })),
    { v: JSON.stringify({ a: envelope('a'), b: envelope('b') }) },
  ],
  ['nowhere, since it is not there', doc, { v: '{"url":"u"}' }],
  ['nowhere, since it is taken away', doc, { v: '{"url":"u","password":"livetree:remove"}' }],
  ['nowhere, since it is empty', z.object({ l: encrypted(z.array(z.string())) }), { v: '{"l":[]}' }],
  ['nowhere, in an empty list', z.array(text()), { v: '[]' }],
])('a snapshot without a key serves a tree with envelopes: %s', async (_name, v, values) => {
  const { served, restored, file } = await restarted(v, values)
  expect(restored).toBe(served)
  expect(file).not.toContain('PLAINTXT')
})

test('names of properties are those that naming writes', async () => {
  const v = z.object({ passWord: text(), apiUrl: z.string() })
  const values = { v: JSON.stringify({ 'pass-word': envelope('pass-word'), 'api-url': 'u' }) }
  const { served, restored } = await restarted(v, values, 'reject', 'kebab-case')
  expect(served).toContain('PLAINTXT')
  expect(restored).toBe(served)
})

const P = 'PLAINTXT'
test.each<[string, z.ZodType, unknown]>([
  ['a text beside an envelope', z.object({ a: text(), b: secret(z.string()) }), { a: envelope('a'), b: P }],
  ['a text in a list', z.array(text()), [envelope('0'), P]],
  [
    'a word in a list of secrets',
    z.object({ a: text(), b: z.array(secret(z.string())) }),
    { a: envelope('a'), b: ['livetree:remove'] },
  ],
  ['a name that nobody knows', z.object({ a: text() }), { a: envelope('a'), bogus: P }],
  [
    'a name in a secret',
    z.object({ a: text(), b: secret(z.record(z.string(), z.object({}))) }),
    { a: envelope('a'), b: { [P]: {} } },
  ],
  ['an entry without parts', encrypted(z.record(z.string(), z.object({}))), { [P]: {} }],
  [
    'a list in the text of a secret',
    z.object({ a: secret(z.string()), b: text() }),
    { a: `[${P}]`, b: envelope('b') },
  ],
])(
  'a snapshot without a key has nothing of a document with a secret in plain text: %s',
  async (_name, v, value) => {
    const { restored, file } = await restarted(v, { v: JSON.stringify(value) }, 'accept')
    expect(restored).toBeUndefined()
    expect(file).not.toContain(P)
    expect(file).not.toContain('livetree:remove')
  },
)
