import { expect, test, vi } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { memory } from '../source/memory.ts'
import { createTestConfig } from '../testing/create-test-config.ts'
import { createManualSource } from '../testing/manual-source.ts'
import { loadedParts } from '../loaded-parts.ts'

const shop = defineConfig({ name: 'shop', schema: z.object({ port: z.number().default(1) }) })
const layer = { name: 'etcd:/app', keyPrefix: '/app/', separator: '/', naming: 'stored' } as const

test('loadedParts: definition and sources as they were given; nothing of anything else', async () => {
  const store = createManualSource({ name: 'etcd', layers: [layer] })
  const noted = Object.defineProperty(store, Symbol.for('noted'), { value: 7 })
  const loading = shop.load({ sources: [noted, memory({})], logger: false })
  store.sink.replace({ revision: 1, epoch: 0, layers: [[]] })
  await using config = await loading
  const parts = loadedParts(config)
  expect(parts?.definition).toBe(shop)
  expect(parts?.sources[0]).toBe(noted)
  expect(Object.keys(config)).not.toContain('loaded-parts')
  await using other = await createTestConfig(shop, {})
  expect(loadedParts(other)?.definition.name).toBe('shop')
  for (const odd of [undefined, null, 5, {}, shop]) expect(loadedParts(odd)).toBeUndefined()
})

test('onJudged: called for every judged update, last of all, and not for a proof; what it throws hurts nobody', async () => {
  const store = createManualSource({ name: 'etcd', layers: [layer] })
  const loading = shop.load({ sources: [store], logger: false })
  store.sink.replace({ revision: 1, epoch: 0, layers: [[]] })
  await using config = await loading
  const seen: string[] = []
  const parts = loadedParts(config)
  const errors = vi.fn()
  config.on('error', errors)
  parts?.onJudged(() => {
    throw new Error('of a follower')
  })
  const stop = parts?.onJudged(() => seen.push(`${config.current.port} ${config.status.rejected?.revision}`))
  const write = (revision: number, path: string, value: unknown) =>
    store.sink.patch({ revision, changes: [{ layer: 0, leaf: { path, value, revision } }] })
  write(2, 'port', '5')
  write(3, 'port', '5')
  write(4, 'port', 'ten')
  write(5, 'port', 'eleven')
  store.sink.alive({ revision: 6, provenAt: Date.now() })
  await config.refresh()
  expect(seen).toEqual(['5 undefined', '5 undefined', '5 4', '5 5'])
  stop?.()
  write(7, 'port', '6')
  await config.refresh()
  expect(seen).toHaveLength(4)
  expect(config.current.port).toBe(6)
  expect(errors).not.toHaveBeenCalled()
})

test('onClose: close() waits for it, whatever becomes of it', async () => {
  const config = await createTestConfig(shop, {})
  const done = vi.fn()
  loadedParts(config)?.onClose(async () => {
    await new Promise((resolve) => setImmediate(resolve))
    done()
  })
  loadedParts(config)?.onClose(() => Promise.reject(new Error('of a follower')))
  loadedParts(config)?.onClose(() => {
    throw new Error('of a follower')
  })
  await config.close()
  expect(done).toHaveBeenCalledOnce()
})
