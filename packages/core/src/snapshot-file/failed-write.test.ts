import { mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { createManualSource } from '../testing/manual-source.ts'

it('a snapshot that cannot be written shows in status and health, and is written once it can be', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'livetree-failed-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const blocker = join(directory, 'blocker')
  writeFileSync(blocker, '')
  const path = join(blocker, 'snapshot')
  const store = createManualSource({ name: 'etcd' })
  const definition = defineConfig({ name: 'shop', schema: z.object({ a: z.number() }) })
  const loading = definition.load({ sources: [store], logger: false, snapshot: { path, intervalMs: 1 } })
  store.replace(1, { a: 1 })
  const config = await loading
  onTestFinished(() => config.close())
  const errors: string[] = []
  config.on('error', ({ code }) => errors.push(code))
  await expect.poll(() => config.status.snapshotError?.code).toBe('snapshot_not_written')
  expect(config.health).toMatchObject({ isReady: true, reason: expect.stringContaining(path) })
  unlinkSync(blocker)
  await expect.poll(() => config.status.snapshotError, { timeout: 15_000 }).toBeUndefined()
  expect(config.health.reason).toBeUndefined()
  expect(readFileSync(path, 'utf8')).toContain('shop')
  expect(errors.length).toBeLessThan(2)
}, 20_000)
