import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { createManualSource } from '../testing/manual-source.ts'

it('a write that close() no longer waits for does not replace the snapshot of the next configuration', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'livetree-late-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, 'snapshot')
  const definition = defineConfig({ name: 'shop', schema: z.object({ a: z.string() }) })
  const { promise: disk, resolve: answer } = Promise.withResolvers<void>()
  const { open } = fs
  const replace = (by: typeof open) => {
    fs.open = by
    syncBuiltinESMExports()
  }
  onTestFinished(() => replace(open))
  // A disk that takes the bytes of the first write only when it is asked to.
  replace(async (...args) => {
    const handle = await open(...args)
    if (args[1] === 'wx') {
      replace(open)
      const sync = handle.sync.bind(handle)
      handle.sync = () => disk.then(sync)
    }
    return handle
  })
  const load = async (a: string) => {
    const store = createManualSource({ name: 'etcd' })
    const loading = definition.load({ sources: [store], logger: false, snapshot: { path, intervalMs: 1 } })
    store.replace(1, { a })
    return loading
  }
  const first = await load('old')
  await expect.poll(() => readdirSync(directory)).toHaveLength(1)
  await first.close()
  const second = await load('new')
  await expect
    .poll(() => readdirSync(directory).includes('snapshot') && readFileSync(path, 'utf8'))
    .toContain('new')
  answer()
  // Its temporary file goes.
  await expect.poll(() => readdirSync(directory)).toEqual(['snapshot'])
  expect(readFileSync(path, 'utf8')).toContain('new')
  await second.close()
}, 30_000)
