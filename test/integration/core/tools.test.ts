import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineConfig, file, secret } from '@livetree/core'
import {
  flatten,
  keyOfPath,
  placesOfKey,
  readOnce,
  removalMarkerKey,
  validateTree,
  writeValue,
} from '@livetree/core/tools'
import { createEtcdClient } from '@livetree/etcd'
import { etcd as etcdSource } from 'livetree'
import { afterEach, beforeEach, expect, test } from 'vitest'
import * as z from 'zod'
import { eachEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'

const definition = defineConfig({
  name: 'shop',
  naming: 'kebab-case',
  schema: z.object({
    maxSize: z.number().min(1),
    opened: z.date(),
    token: secret(z.instanceof(Uint8Array)),
    hosts: z.array(z.object({ hostName: z.string(), weight: z.number().optional() })),
    limits: z.record(z.string(), z.bigint()),
    home: z.codec(z.string(), z.instanceof(URL), {
      decode: (href) => new URL(href),
      encode: (url) => url.href,
    }),
    note: z.string().nullable(),
  }),
})

const value = {
  maxSize: -0 + 7,
  opened: new Date('2026-11-28T16:00:00.123Z'),
  token: new Uint8Array([0, 255, 7]),
  hosts: [{ hostName: 'a/b', weight: 0.1 }, { hostName: '' }],
  limits: { 'per/hour': 2n ** 64n, '%': -1n },
  home: new URL('https://shop.example/%2F?q=1'),
  note: null,
}

withoutOpenHandles()

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'livetree-tools-'))
})
afterEach(() => rm(directory, { recursive: true }))

test('writeValue: the document that it writes is a file that is read as the same value', async () => {
  const path = join(directory, 'shop.json')
  const [document, ...more] = writeValue(definition, '', value, { form: 'document' })
  expect(more).toEqual([])
  await writeFile(path, document?.text ?? '')
  const reading = await readOnce(file(path))
  expect(reading.leaves[0]).toEqual(flatten(JSON.parse(document?.text ?? '')).map(expectSamePath))
  const tree = validateTree(definition, [reading])
  if (tree.type === 'invalid') expect.fail(JSON.stringify(tree.issues))
  expect(tree.value).toEqual(value)
})

/** The values are not the same: a file keeps the digits of numbers. */
const expectSamePath = ({ path }: { readonly path: string }) => expect.objectContaining({ path })

test('readOnce: a file that cannot be read is an error that names it', async () => {
  await expect(readOnce(file(directory, { format: 'json' }))).rejects.toThrow(
    /\[source_unavailable\].*livetree-tools-/,
  )
})

eachEtcd('core tools', (etcd) => {
  test('a value written into etcd is read, judged and loaded as the same value, and a change of it too', async () => {
    const server = await etcd.start()
    await using client = createEtcdClient({ endpoints: [server.endpoint] })
    const source = etcdSource({ client, root: '/shop', overlays: ['base', 'prod'] })
    const [base, prod] = source.layers
    if (base === undefined || prod === undefined) expect.fail('two overlays are two layers')
    for (const { key, text } of writeValue(definition, '', value))
      await client.kv.put(base.keyPrefix + key, text)
    const form = () => 'children' as const
    for (const { path, text } of writeValue(definition, 'hosts', [{ hostName: 'c' }], { form }))
      await client.kv.put(keyOfPath(definition, path, prod), text)

    const reading = await readOnce(source)
    expect(reading.revision).toBeGreaterThan(7)
    const tree = validateTree(definition, [reading])
    if (tree.type === 'invalid') expect.fail(JSON.stringify(tree.issues))
    expect(tree.value).toEqual({ ...value, hosts: [{ hostName: 'c' }] })
    expect(tree.unused).toEqual([])
    await using config = await definition.load({ sources: [source] })
    expect(config.current).toEqual(tree.value)

    // a candidate: the same leaves and one more, which nobody has stored
    const [leaf] = writeValue(definition, 'limits', { free: 5n })
    if (leaf === undefined) expect.fail('a record of one entry is one leaf')
    const more = { path: leaf.key, value: leaf.text, revision: 0 }
    const candidate = {
      ...reading,
      leaves: reading.leaves.map((each, i) => (i === 1 ? [...each, more] : each)),
    }
    const after = validateTree(definition, [candidate])
    if (after.type === 'invalid') expect.fail(JSON.stringify(after.issues))
    expect(tree.changesTo(after.value)).toMatchObject([{ type: 'added', pathText: 'limits.free', next: 5n }])
    expect(config.current).toEqual(tree.value)
  })

  test('every key of a reading has its place, and the marker is the one that the source names', async () => {
    const server = await etcd.start()
    await using client = createEtcdClient({ endpoints: [server.endpoint] })
    const source = etcdSource({ client, root: '/shop', overlays: ['base'] })
    for (const { key, text } of writeValue(definition, '', value))
      await client.kv.put(`/shop/base/${key}`, text)
    const { layers, leaves } = await readOnce(source)
    for (const { path } of leaves[0] ?? []) {
      const [place] = placesOfKey(definition, `/shop/base/${path}`, layers)
      if (place === undefined) expect.fail(`${path} has no place`)
      expect(keyOfPath(definition, place.path, layers[place.layer] ?? expect.fail())).toBe(
        `/shop/base/${path}`,
      )
    }
    expect(source.removalCommand).toContain(removalMarkerKey('/shop'))
  })

  test('readOnce: a store that does not answer is an error that names its address', async () => {
    const source = etcdSource({ endpoints: 'http://127.0.0.1:1', root: '/shop' })
    await expect(readOnce(source, { timeoutMs: 300 })).rejects.toThrow(
      /\[source_unavailable\] Source etcd \(http:\/\/127\.0\.0\.1:1\) has not delivered its tree within 300 ms/,
    )
  })
})
