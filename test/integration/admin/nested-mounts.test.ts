import { createAdmin } from '@livetree/admin'
import { defineConfig, etcd, keyring } from 'livetree'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { embeddedStore, encrypted } from './embedded-store.ts'

const OLD = { id: 'k0', key: Buffer.alloc(32, 1) }
const NEW = { id: 'k1', key: Buffer.alloc(32, 2) }

const store = embeddedStore()
let count = 0

const secret = () => encrypted(z.string()).optional()
const cache = () => z.object({ pw: secret(), n: z.number().default(0) }).prefault({})
const redis = () => z.object({ pw: secret(), cache: cache() }).prefault({})

/** A directory and a part of it: as two mounts, and as the layer of the service and a mount in it. */
const worlds = [
  {
    name: 'two shared directories',
    outer: { at: 'redis' },
    below: '',
    schema: z.object({ redis: redis(), cache: cache() }),
  },
  { name: 'an own layer', outer: {}, below: 'redis.', schema: z.object({ redis: redis(), cache: cache() }) },
] as const

describe.each(worlds)(
  'encrypted values of a directory of which a part is mounted too: $name',
  ({ outer, below, schema }) => {
    const world = () => {
      const prefix = `/config/${++count}/shared`
      const part = below === '' ? `${prefix}/cache` : `${prefix}/redis/cache`
      const layers = { outer: { prefix, ...outer }, inner: { prefix: part, at: 'cache' } }
      const definitionOf = (
        chosen: readonly (typeof layers)[keyof typeof layers][],
        current = OLD,
        previous?: typeof OLD,
      ) =>
        defineConfig({
          name: 'nested',
          schema,
          sources: () => [etcd({ endpoints: [store.endpoint], layers: [...chosen] })],
          keys: () => keyring({ current, ...(previous && { previous }) }),
        })
      return { layers, definitionOf, prefix, part }
    }

    test.each(['outer', 'inner'] as const)(
      'are written, read and rotated, by whoever mounts both, and by the %s alone',
      async (first) => {
        const { layers, definitionOf, prefix, part } = world()
        const both = [layers.outer, layers.inner]
        // Written by a service that mounts one of them.
        await using alone = createAdmin(definitionOf([layers[first]]), { author: 'ana' })
        await alone.set(first === 'outer' ? 'redis.cache.pw' : 'cache.pw', 'REAL', {
          layer: first === 'outer' ? prefix : part,
        })
        const served = { redis: { cache: { pw: 'REAL', n: 0 } }, cache: { pw: 'REAL', n: 0 } }
        const load = async (...from: Parameters<typeof definitionOf>) => {
          await using config = await definitionOf(...from).load({ logger: false })
          return structuredClone(config.current)
        }
        expect(await load(both)).toEqual(served)
        // Renewed and changed by one that mounts both: the first one still reads it.
        await using admin = createAdmin(definitionOf(both, NEW, OLD), { author: 'ana' })
        const { plan, renewed, unopened } = await admin.rotateSecrets()
        expect({ renewed, unopened, changes: plan.changes.length }).toEqual({
          renewed: 1,
          unopened: [],
          changes: 1,
        })
        await plan.apply()
        expect(await load(both, NEW)).toEqual(served)
        expect(await load([layers[first]], NEW)).toMatchObject(
          first === 'outer' ? { redis: served.redis } : { cache: served.cache },
        )
        await admin.set('cache.pw', 'OTHER', { layer: part })
        expect(await load([layers[first]], NEW)).toMatchObject(
          first === 'outer' ? { redis: { cache: { pw: 'OTHER' } } } : { cache: { pw: 'OTHER' } },
        )
        // Written anew by one that mounts both.
        await admin.unset('cache.pw', { layer: part })
        await admin.set('redis.cache.pw', 'NEWER', { layer: prefix })
        expect(await load(both, NEW)).toMatchObject({
          redis: { cache: { pw: 'NEWER' } },
          cache: { pw: 'NEWER' },
        })
      },
    )

    test('opens no envelope of another key', async () => {
      const { layers, definitionOf, prefix } = world()
      const both = [layers.outer, layers.inner]
      await using admin = createAdmin(definitionOf(both), { author: 'ana' })
      await admin.set('redis.pw', 'REAL', { layer: prefix })
      const at = `${prefix}/${below.replace('.', '/')}`
      const envelope = (await store.client.kv.get(`${at}pw`))?.text ?? ''
      expect(envelope).toContain('livetree:encrypted:')
      await store.client.kv.put(`${at}cache/pw`, envelope)
      await expect(definitionOf(both).load({ logger: false })).rejects.toThrow('does not open')
    })
  },
)
