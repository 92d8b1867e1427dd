import { createEtcdClient } from '@livetree/etcd'
import { defineConfig, etcd as etcdSource } from 'livetree'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { eachEtcd } from '../../support/each-etcd.ts'

const definition = defineConfig({
  name: 'shop',
  schema: z.object({
    cache: z.object({ size: z.number().default(1), items: z.record(z.string(), z.string()).default({}) }),
    other: z.object({ size: z.number().default(1) }).loose(),
  }),
  unused: 'reject',
})

const ITEMS = Object.fromEntries(
  Array.from({ length: 10 }, (_, index) => [`/p/base/cache/items/k${index}`, 'x']),
)

/** Keys that the source reads by rules of its own, and values; undefined deletes. */
const WRITES: readonly (readonly [what: string, writes: Readonly<Record<string, string | undefined>>])[] = [
  ['a key', { '/p/base/cache/size': '2' }],
  ['a directory marker', { '/p/base/cache/': '' }],
  ['the marker of a layer', { '/p/prod/': '' }],
  ["a document at a layer's directory", { '/p/prod/': '{"cache": {"size": 3}}' }],
  ['a document at the name of a layer, which hides it', { '/p/prod': '{"cache": {"size": 4}}' }],
  ['the other one, hidden', { '/p/prod/': '{"cache": {"size": 5}}' }],
  ['the first removed again', { '/p/prod': undefined }],
  ['a marker in place of the document', { '/p/prod/': '' }],
  ['a key that is unknown', { '/p/base/cash/size': '2' }],
  ['a removal', Object.fromEntries(Object.keys(ITEMS).map((key) => [key, undefined]))],
  ['the key that allows it', { '/p/.livetree/allow-removal': 'yes' }],
]

eachEtcd('preview of a tree in etcd', (etcd) => {
  test('says what then happens, also for keys that the source reads by rules of its own', async () => {
    const server = await etcd.start()
    await using client = createEtcdClient({ endpoints: [server.endpoint] })
    for (const [key, text] of Object.entries(ITEMS)) await client.kv.put(key, text)
    const source = etcdSource({ endpoints: [server.endpoint], root: '/p', overlays: ['base', 'prod'] })
    await using config = await definition.load({ sources: [source], logger: false })
    for (const [what, writes] of WRITES) {
      const before = config.current
      const changes = Object.entries(writes).map(([key, value]) => {
        const layer = key.startsWith('/p/prod') ? 'etcd:/p/prod' : 'etcd:/p/base'
        return { layer, key, value }
      })
      const preview = config.preview(changes)
      for (const [key, text] of Object.entries(writes)) {
        if (text === undefined) await client.kv.delete(key)
        else await client.kv.put(key, text)
      }
      await config.refresh()
      const { rejected } = config.status
      expect(preview.type, what).toBe(rejected === undefined ? 'valid' : 'invalid')
      if (preview.type === 'valid') expect(preview.changes.length > 0, what).toBe(config.current !== before)
      const undo = { '/p/base/cash/size': undefined }
      if (what === 'a key that is unknown') for (const key of Object.keys(undo)) await client.kv.delete(key)
      await config.refresh()
    }
    expect(config.current.cache.items).toEqual({})
  })

  test('takes a key that is mounted at several places for a change of each', async () => {
    const server = await etcd.start()
    await using client = createEtcdClient({ endpoints: [server.endpoint] })
    await client.kv.put('/shared/size', '7')
    const layers = [{ prefix: '/shared', at: ['cache', 'other'] }]
    const source = etcdSource({ endpoints: [server.endpoint], layers })
    await using config = await definition.load({ sources: [source], logger: false })
    const preview = config.preview([{ layer: 'etcd:/shared at cache', key: '/shared/size', value: '8' }])
    const paths = preview.type === 'valid' ? preview.changes.map(({ pathText }) => pathText) : preview.issues
    expect(paths).toEqual(['cache.size', 'other.size'])
    expect(() => config.preview([{ layer: 'etcd:/shared at cache', key: '/elsewhere', value: '8' }])).toThrow(
      /no key of layer etcd:\/shared at cache: those begin with \/shared\//,
    )
  })
})
