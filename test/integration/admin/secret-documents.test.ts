import { createAdmin } from '@livetree/admin'
import fc from 'fast-check'
import { defineConfig, etcd, keyring } from 'livetree'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { propertyRuns } from '../../property/property-runs.ts'
import { embeddedStore, encrypted } from './embedded-store.ts'

const store = embeddedStore()
const [k1, k2] = [1, 2].map((number) => ({ id: `k${number}`, key: Buffer.alloc(32, number) }))

/** A part of a document: its schema, and a value as a document has it. */
interface Part {
  readonly schema: z.ZodType
  readonly written: unknown
}

/** What no text but an encrypted one may hold. */
const SECRET = 'PLAINTXT'
const either = () => z.union([z.string(), z.number(), z.boolean(), z.null()])
const secretScalar = fc.constantFrom<unknown>(SECRET, 5, '5', true, 'true', null, 'null', `["${SECRET}"]`, '')
const scalar: fc.Arbitrary<Part> = secretScalar.map((written) => ({ schema: encrypted(either()), written }))
const open: fc.Arbitrary<Part> = fc
  .constantFrom<unknown>('x', 'true', '7')
  .map((written) => ({ schema: z.string(), written }))

/** JSON may stand in a document as text, and names may be those of the schema or those of keys. */
function written(value: unknown, isText: boolean): unknown {
  return isText ? JSON.stringify(value) : value
}

const part: fc.Arbitrary<Part> = fc.letrec<{ part: Part; container: Part }>((tie) => ({
  part: fc.oneof({ depthSize: 'small' }, scalar, open, tie('container')),
  container: fc
    .tuple(
      fc.constantFrom(
        'list',
        'tuple',
        'record',
        'object',
        'map',
        'set',
        'union',
        'whole',
        'text or list',
        'beside text',
      ),
      tie('part'),
      fc.boolean(),
      fc.boolean(),
    )
    .map(([kind, inner, isText, isKeyName]): Part => {
      const name = isKeyName ? 'pass-word' : 'passWord'
      const { schema, written: value } = inner
      const list = { written: written([value], isText) }
      const named = { written: written({ [name]: value }, isText) }
      if (kind === 'list') return { schema: z.array(schema), ...list }
      if (kind === 'tuple') return { schema: z.tuple([schema]), ...list }
      if (kind === 'set') return { schema: z.set(schema), ...list }
      if (kind === 'whole') return { schema: encrypted(z.array(schema)), ...list }
      if (kind === 'record')
        return { schema: z.record(z.string(), schema), written: written({ a: value }, isText) }
      if (kind === 'map') return { schema: z.map(z.string(), schema), written: written({ a: value }, isText) }
      if (kind === 'text or list') return { schema: z.union([z.string(), z.array(schema)]), ...list }
      if (kind === 'beside text')
        return { schema: z.tuple([z.string(), z.array(schema)]), written: ['x', list.written] }
      const object = z.object({ passWord: schema.optional() })
      if (kind === 'object') return { schema: object, ...named }
      return { schema: z.union([object, z.object({ other: z.string() })]), ...named }
    }),
})).container

let count = 0

/** What an instance serves with these keys; undefined where it refuses the tree. */
async function served(definition: ReturnType<typeof definitionOf>, keys: ReturnType<typeof keyring>) {
  try {
    await using config = await definition.load({ logger: false, keys, startup: { timeoutMs: 5_000 } })
    return { value: structuredClone(config.current) }
  } catch {
    return undefined
  }
}

function definitionOf(schema: z.ZodType, root: string) {
  return defineConfig({
    name: 'documents',
    naming: 'kebab-case',
    schema: z.object({
      theDoc: z.object({ thePart: schema.optional(), own: encrypted(z.string()).optional() }).optional(),
    }),
    sources: () => [etcd({ endpoints: [store.endpoint], root })],
    keys: () => keyring({ current: k1!, plaintext: 'accept' }),
  })
}

async function stored(root: string): Promise<string> {
  const { entries } = await store.client.kv.getRange({ prefix: `${root}/` })
  return entries.map(({ text }) => text).join('\n')
}

test('what an instance reads of a document in plain text, rotations encrypt, renew and change in nothing', async () => {
  let compared = 0
  await fc.assert(
    fc.asyncProperty(part, fc.boolean(), async ({ schema, written: value }, isKeyName) => {
      const root = `/config/${++count}`
      const definition = definitionOf(schema, root)
      await store.client.kv.put(
        `${root}/the-doc`,
        JSON.stringify({ [isKeyName ? 'the-part' : 'thePart']: value }),
      )
      const before = await served(definition, keyring({ current: k1!, plaintext: 'accept' }))
      if (before === undefined) return
      compared += 1
      await using admin = createAdmin(definition, { author: 'ana' })
      await (await admin.rotateSecrets({ plaintext: 'encrypt' })).plan.apply()
      const { unwritable } = await admin.rotateSecrets({ plaintext: 'encrypt' })
      expect((await admin.encrypted()).plaintext).toEqual(unwritable)
      // What may be meant as text is not made a list of secrets, and refused where none is accepted.
      if (unwritable.length > 0) {
        expect(await served(definition, keyring({ current: k1!, plaintext: 'accept' }))).toEqual(before)
        expect(await served(definition, keyring({ current: k1! }))).toBeUndefined()
        return
      }
      expect(await served(definition, keyring({ current: k1! }))).toEqual(before)
      const keys = keyring({ current: k2!, previous: k1! })
      await using next = createAdmin(definition, { author: 'ana', keys })
      await (await next.rotateSecrets()).plan.apply()
      expect(await served(definition, keyring({ current: k2! }))).toEqual(before)
      expect(await stored(root)).not.toContain(SECRET)
    }),
    { numRuns: propertyRuns(1 / 5, 0.06) },
  )
  expect(compared).toBeGreaterThan(5)
})
