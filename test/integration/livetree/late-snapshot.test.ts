import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Source } from '@livetree/core/source'
import { createTestClock } from '@livetree/core/testing'
import { startEmbeddedEtcd } from '@livetree/embedded'
import { createEtcdClient } from '@livetree/etcd'
import { defineConfig, etcd } from 'livetree'
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import * as z from 'zod'
import { SnapshotFile } from '../../../packages/core/src/snapshot-file/snapshot-file.ts'

const MODES = ['fail', 'snapshot', 'defaults'] as const
type Mode = (typeof MODES)[number]

/** `startup.timeoutMs`, and what a snapshot gets on top of it where something may stand in. */
const TIMEOUT_MS = 4_000
const EXTRA_MS = 5_000

const shop = defineConfig({
  name: 'shop',
  schema: z.object({ a: z.string().default('default'), many: z.record(z.string(), z.string()).default({}) }),
})
const folder = mkdtempSync(join(tmpdir(), 'livetree-late-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0

/** A store, and a process that has served `a: old` and twenty `many` of it, and has ended. */
async function machine() {
  const server = await startEmbeddedEtcd()
  const client = createEtcdClient({ endpoints: [server.endpoint] })
  onTestFinished(async () => {
    await client.close()
    await server.close()
  })
  const path = join(folder, `${++files}.snapshot`)
  await client.kv.put('/c/a', 'old')
  for (let index = 0; index < 20; index++) await client.kv.put(`/c/many/k${index}`, 'v')
  const source = () => etcd({ endpoints: [server.endpoint], root: '/c' })
  const before = await shop.load({ sources: [source()], snapshot: { path }, logger: false })
  await before.close()

  /** A start whose snapshot is not read before `read` is called. Returns when etcd has been read and waits for it. */
  const start = async (onUnavailable: Mode) => {
    const disk = slowDisk()
    const clock = createTestClock()
    const warned: string[] = []
    const note = (message: string) => void warned.push(message)
    const { waiting, source: watched } = noticed(source())
    const loading = shop.load({
      sources: [watched],
      snapshot: { path },
      startup: { timeoutMs: TIMEOUT_MS, onUnavailable },
      clock,
      logger: { debug() {}, info() {}, warn: note, error: note },
    })
    loading.catch(() => {})
    await waiting
    await clock.advance(TIMEOUT_MS)
    const finish = async () => {
      const config = await loading
      onTestFinished(() => config.close())
      return config
    }
    return { clock, warned, read: disk.go, finish }
  }
  return { client, start }
}

/** `waiting` resolves when a source asks where it stood. */
function noticed(source: Source) {
  const asked = Promise.withResolvers<void>()
  const open: Source['open'] = (context) => {
    const earlier = () => {
      asked.resolve()
      return context.earlier
    }
    return source.open(Object.create(context, { earlier: { get: earlier } }))
  }
  return { waiting: asked.promise, source: Object.create(source, { open: { value: open } }) as Source }
}

/** Puts the reading of snapshots off until `go` is called. */
function slowDisk() {
  const delay = Promise.withResolvers<void>()
  const original = SnapshotFile.prototype.read
  const spy = vi.spyOn(SnapshotFile.prototype, 'read').mockImplementation(async function (
    this: SnapshotFile,
  ) {
    await delay.promise
    return original.call(this)
  })
  onTestFinished(() => spy.mockRestore())
  return { go: () => delay.resolve() }
}

describe('a healthy store, and a snapshot', () => {
  test.each(MODES)('that is never read: the tree of the store is accepted (%s)', async (onUnavailable) => {
    const { client, start } = await machine()
    await client.kv.put('/c/a', 'new')
    const { clock, warned, finish } = await start(onUnavailable)
    if (onUnavailable !== 'fail') await clock.advance(EXTRA_MS)
    const config = await finish()
    expect(config.status).toMatchObject({ servedFrom: 'sources', rejected: undefined })
    expect(config.current.a).toBe('new')
    const ms = TIMEOUT_MS + (onUnavailable === 'fail' ? 0 : EXTRA_MS)
    expect(warned).toEqual([
      expect.stringMatching(`still waits for the snapshot \\S+, which has not been read.* after ${ms} ms`),
      expect.stringContaining('nothing to compare'),
    ])
  })

  test.each(['snapshot', 'defaults'] as const)(
    'that is read late: the tree of the store is served (%s)',
    async (onUnavailable) => {
      const { client, start } = await machine()
      await client.kv.put('/c/a', 'new')
      const { warned, read, finish } = await start(onUnavailable)
      read()
      const config = await finish()
      expect(config.status).toMatchObject({ servedFrom: 'sources', rejected: undefined })
      expect(config.current.a).toBe('new')
      expect(warned).toEqual([expect.stringContaining('still waits for the snapshot')])
    },
  )

  test.each([
    ['snapshot', 20],
    ['defaults', 0],
  ] as const)('that is read late: a large removal is refused (%s)', async (onUnavailable, count) => {
    const { client, start } = await machine()
    await client.kv.deleteRange({ prefix: '/c/many/' })
    const { read, finish } = await start(onUnavailable)
    read()
    const config = await finish()
    expect(config.status.rejected?.issues).toMatchObject([{ code: 'guard' }])
    expect(config.status.servedFrom).toBe(onUnavailable)
    expect(Object.keys(config.current.many)).toHaveLength(count)
  })
})
