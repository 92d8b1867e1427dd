import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { createManualSource } from '../testing/manual-source.ts'
import { createTestClock, type TestClock } from '../testing/test-clock.ts'

const folder = mkdtempSync(join(tmpdir(), 'livetree-fallback-age-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
const newPath = () => join(folder, `${++files}.snapshot`)

const shop = (most: number) => defineConfig({ name: 'shop', schema: z.object({ a: z.number().max(most) }) })
const many = defineConfig({
  name: 'many',
  schema: z.object({ r: z.record(z.string(), z.string()).default({}) }),
})

async function leaveSnapshot(path: string, clock: TestClock) {
  const source = createManualSource({ name: 'store' })
  const loading = shop(100).load({ sources: [source], snapshot: { path }, clock, logger: false })
  source.replace(1, { a: '50' })
  await (await loading).close()
}

async function startWithout(path: string, clock: TestClock, most = 100) {
  const loading = shop(most).load({
    sources: [createManualSource({ name: 'store' })],
    snapshot: { path },
    startup: { timeoutMs: 500, onUnavailable: 'snapshot' },
    maxStalenessMs: 60_000,
    clock,
    logger: false,
  })
  loading.catch(() => {})
  await clock.advance(500)
  return loading
}

test('a snapshot that was proven in the future is of unknown age: not ready, and stale from the start on', async () => {
  const path = newPath()
  const clock = createTestClock()
  clock.step(3_600_000)
  await leaveSnapshot(path, clock)
  clock.step(-3_600_000)
  const config = await startWithout(path, clock)
  expect(config.status.provenAt).toBeUndefined()
  expect(config.health.isReady).toBe(false)
  await clock.advance(2_000)
  expect(config.status.staleForMs).toBe(2_000)
  await config.close()
})

test('a clock that is set back while a snapshot is served does not stop its age', async () => {
  const path = newPath()
  const clock = createTestClock()
  await leaveSnapshot(path, clock)
  const config = await startWithout(path, clock)
  expect(config.health.isReady).toBe(true)
  clock.step(-3_600_000)
  expect(config.status.staleForMs).toBe(0)
  await clock.advance(61_000)
  expect(config.status.staleForMs).toBe(61_000)
  expect(config.health.isReady).toBe(false)
  await config.close()
})

test('a snapshot that does not fit says nothing of secrets where it leaves none out', async () => {
  const path = newPath()
  const clock = createTestClock()
  await leaveSnapshot(path, clock)
  const error = await startWithout(path, clock, 5).catch((thrown: Error) => thrown)
  expect((error as Error).message).toMatch(
    /cannot be used: it is not valid with the schema and the other sources/,
  )
  expect((error as Error).message).not.toMatch(/secret|key/)
})

const leaves = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`k${index}`, 'v']))
const gone = (from: number, to: number) =>
  Object.fromEntries(
    Object.keys(leaves)
      .slice(from, to)
      .map((name) => [`r/${name}`, undefined]),
  )

test.each(['running', 'restarted'])(
  'a clock that is set back does not end the window of the guard: %s',
  async (how) => {
    const path = newPath()
    const clock = createTestClock()
    const source = createManualSource({ name: 'store' })
    const load = (tree: object, revision: number) => {
      const loading = many.load({
        sources: [source],
        snapshot: { path, intervalMs: 0 },
        clock,
        logger: false,
      })
      source.replace(revision, tree)
      return loading
    }
    let config = await load({ r: leaves }, 1)
    source.patch(2, gone(0, 8))
    await config.refresh()
    expect(config.status.rejected).toBeUndefined()
    if (how === 'restarted') await config.close()
    clock.step(-3_600_000)
    if (how === 'restarted')
      config = await load({ r: Object.fromEntries(Object.entries(leaves).slice(8)) }, 2)
    source.patch(3, gone(8, 14))
    await config.refresh()
    expect(config.status.rejected?.issues[0]?.code).toBe('guard')
    await config.close()
  },
)
