import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { defineConfig } from './define-config.ts'
import type { LivetreeError } from './errors.ts'
import type { LiveConfig } from './live-config.ts'
import type { LoadOptions } from './startup/load-options.ts'
import { load } from './load.ts'
import { secret } from './schema/secret.ts'
import { memory } from './source/memory.ts'
import { createManualSource, type ManualSource } from './testing/manual-source.ts'
import { createTestClock, type TestClock } from './testing/test-clock.ts'

const definition = defineConfig({
  name: 'shop',
  schema: z.object({
    pool: z.number().max(200),
    url: secret(z.string()),
    many: z.record(z.string(), z.string()).default({}),
  }),
})

let clock: TestClock
let directory: string
let path: string
const open: LiveConfig<unknown>[] = []

beforeEach(async () => {
  clock = createTestClock()
  directory = await mkdtemp(join(tmpdir(), 'livetree-load-'))
  path = join(directory, 'shop.snapshot')
})
afterEach(async () => {
  for (const config of open.splice(0)) await config.close()
  await rm(directory, { recursive: true })
  expect(clock.pendingTimers).toBe(0)
})

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Begins to load from a store that has not answered. */
function begin(options: LoadOptions = {}, store: ManualSource = createManualSource({ name: 'etcd' })) {
  const given = { sources: [store], clock, startup: { timeoutMs: 1_000 }, ...options }
  // never gives way to other work: what the store says is judged when it returns
  const loading = load(definition, given, Number.POSITIVE_INFINITY)
  loading.then(
    (config) => open.push(config),
    () => {},
  )
  return { store, loading }
}

const errorOf = (loading: Promise<unknown>) =>
  loading.then(
    () => expect.unreachable('load must reject'),
    (error: unknown) => error as LivetreeError,
  )

const GOOD = { pool: '10', url: 'hunter2' }

/** Loads with a store that has `values`, and leaves what it wrote on disk. */
async function leaveSnapshot(values: object = GOOD, options: { key?: string } = {}) {
  const { store, loading } = begin({ snapshot: { path, ...options } })
  store.replace(40, values)
  await (await loading).close()
}

describe('onUnavailable: defaults (P8)', () => {
  it('serves what the other sources give, stale, until the store answers', async () => {
    const store = createManualSource({ name: 'etcd' })
    const local = memory({ pool: 1, url: 'local' })
    const options = {
      sources: [local, store],
      startup: { timeoutMs: 500, onUnavailable: 'defaults' },
    } as const
    const { loading } = begin(options, store)
    await clock.advance(500)
    const config = await loading
    expect(config.current).toMatchObject({ pool: 1 })
    expect(config.status).toMatchObject({
      state: 'stale',
      servedFrom: 'defaults',
      revision: 0,
      provenAt: undefined,
    })
    expect(config.health).toMatchObject({ isReady: true, reason: "served from the schema's defaults" })
    const stale: string[] = []
    config.on('stale', ({ reason }) => stale.push(reason))
    await turn()
    expect(stale).toEqual(["served from the schema's defaults; etcd: has not answered"])
    store.replace(40, { pool: '10' })
    expect(config.current).toMatchObject({ pool: 10, url: 'local' })
    expect(config.status).toMatchObject({ state: 'live', servedFrom: 'sources', revision: 40 })
  })

  it('says what the defaults lack', async () => {
    const { store, loading } = begin({ startup: { timeoutMs: 500, onUnavailable: 'defaults' } })
    store.sink.lost({ error: new Error('wrong password'), isFinal: true })
    const error = await errorOf(loading)
    expect(error).toMatchObject({
      code: 'source_unavailable',
      issues: [{ pathText: 'pool' }, { pathText: 'url' }],
    })
    expect(error.message).toContain('wrong password')
    expect(error.message).toContain('The defaults cannot be used either')
  })
})

describe('onUnavailable: snapshot (P8)', () => {
  const startup = { timeoutMs: 500, onUnavailable: 'snapshot' } as const

  it('writes the last good state, 0600, and serves it when the store does not answer', async () => {
    await leaveSnapshot(GOOD, { key: 'k' })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const provenAt = clock.now()
    await clock.advance(60_000)
    const { store, loading } = begin({ startup, snapshot: { path, key: 'k' }, maxStalenessMs: 61_000 })
    await clock.advance(500)
    const config = await loading
    expect(config.current).toMatchObject({ pool: 10, url: 'hunter2' })
    expect(config.status).toMatchObject({ state: 'stale', servedFrom: 'snapshot', revision: 40, provenAt })
    expect(config.status.staleForMs).toBe(60_500)
    expect(config.health.isReady).toBe(true)
    await clock.advance(501)
    expect(config.health.isReady).toBe(false)
    const live: unknown[] = []
    config.on('live', (event) => live.push(event))
    store.replace(41, GOOD)
    expect(config.status).toMatchObject({ state: 'live', revision: 41, epoch: 0 })
    expect(config.health.isReady).toBe(true)
    expect(live).toHaveLength(1)
  })

  it('covers a tree that is not valid, at once, and reports it to those who come', async () => {
    await leaveSnapshot(GOOD, { key: 'k' })
    const { store, loading } = begin({ startup, snapshot: { path, key: 'k' } })
    store.replace(45, { ...GOOD, pool: 'ten' })
    const config = await loading
    expect(config.current.pool).toBe(10)
    expect(config.status).toMatchObject({ state: 'stale', rejected: { revision: 45 } })
    const rejected: number[] = []
    config.on('rejected', ({ revision }) => rejected.push(revision))
    await turn()
    expect(rejected).toEqual([45])
    store.patch(46, { pool: '11' })
    expect(config.current.pool).toBe(11)
    expect(config.status).toMatchObject({ state: 'live', rejected: undefined, revision: 46 })
    const late: number[] = []
    config.on('rejected', ({ revision }) => late.push(revision))
    await turn()
    expect(late).toEqual([])
  })

  it('stands in for the missing store alone, when another has answered', async () => {
    const other = createManualSource({ name: 'other' })
    const store = createManualSource({ name: 'etcd' })
    const sources = [store, other]
    const first = begin({ sources, snapshot: { path, key: 'k' } }, store)
    store.replace(40, GOOD)
    other.replace(7, { many: { a: 'old' } })
    await (await first.loading).close()

    const { loading } = begin({ sources, startup, snapshot: { path, key: 'k' } }, store)
    other.replace(8, { many: { a: 'new' } })
    await clock.advance(500)
    const config = await loading
    expect(config.current).toMatchObject({ pool: 10, many: { a: 'new' } })
    expect(config.revision).toBe(8)
  })

  it('keeps the last good state on disk while a worse one is there, also within one interval', async () => {
    const { store, loading } = begin({ snapshot: { path, key: 'k' } })
    store.replace(40, GOOD)
    const config = await loading
    store.patch(41, { pool: '41' })
    store.patch(42, { pool: 'bad', url: undefined })
    await config.close()
    const second = begin({ startup, snapshot: { path, key: 'k' } })
    await clock.advance(500)
    const served = await second.loading
    expect(served.current).toMatchObject({ pool: 41, url: 'hunter2' })
    expect(served.revision).toBe(41)
  })

  it('is written in the background once in an interval, not at every change', async () => {
    const { store, loading } = begin({ snapshot: { path, intervalMs: 100 } })
    store.replace(40, GOOD)
    await loading
    await expect(stat(path)).rejects.toThrow()
    await clock.advance(100)
    await expect
      .poll(() =>
        stat(path).then(
          () => 'written',
          () => 'not yet',
        ),
      )
      .toBe('written')
  })

  it('leaves secrets out without a key, and says so when that is why it cannot serve', async () => {
    await leaveSnapshot()
    expect(await readFile(path, 'utf8')).not.toContain('hunter2')
    const { loading } = begin({ startup, snapshot: { path } })
    await clock.advance(500)
    const error = await errorOf(loading)
    expect(error.code).toBe('startup_timeout')
    expect(error.message).toContain('[snapshot_outdated]')
    expect(error.message).toContain('it holds no secrets, since there is no snapshot.key')

    const url = memory({ url: 'from elsewhere' })
    const store = () => createManualSource({ name: 'etcd' })
    const below = begin({ sources: [url, store()], startup, snapshot: { path } })
    await clock.advance(500)
    expect((await errorOf(below.loading)).message).toContain('url: Cannot be read: left out of the snapshot')
    const above = begin({ sources: [store(), url], startup, snapshot: { path } })
    await clock.advance(500)
    expect((await above.loading).current).toMatchObject({ pool: 10, url: 'from elsewhere' })
  })

  it.each<[string, () => Promise<unknown>, string]>([
    ['missing', () => rm(path), 'snapshot_missing'],
    ['cut off', async () => writeFile(path, (await readFile(path)).subarray(0, 90)), 'snapshot_'],
    [
      'of another key',
      async () => {
        await leaveSnapshot(GOOD, { key: 'another' })
        await rm(`${path}.locked`)
      },
      'snapshot_locked',
    ],
  ])('is of no use when it is %s, and load says why', async (_what, damage, code) => {
    await leaveSnapshot(GOOD, { key: 'k' })
    await damage()
    const { store, loading } = begin({ startup, snapshot: { path, key: 'k' } })
    await clock.advance(500)
    const error = await errorOf(loading)
    expect(error).toMatchObject({ code: 'startup_timeout' })
    expect((error.cause as LivetreeError).code).toContain(code)
    expect(store.isOpen).toBe(false)
  })

  it('refuses one of another configuration, other sources, or another schema that it does not fit', async () => {
    await leaveSnapshot(GOOD, { key: 'k' })
    const snapshot = { path, key: 'k' }
    const sources = [createManualSource({ name: 'etcd' })]
    const tries: [
      string,
      { load: (options: LoadOptions) => Promise<LiveConfig<unknown>> },
      ManualSource[],
    ][] = [
      [
        'is of configuration "shop", so it is neither used nor replaced. Give each',
        defineConfig({ name: 'other', schema: definition.schema }),
        sources,
      ],
      ['does not hold what source consul holds', definition, [createManualSource({ name: 'consul' })]],
      [
        'written for another schema',
        defineConfig({ name: 'shop', schema: z.object({ new: z.string() }) }),
        sources,
      ],
    ]
    for (const [words, other, otherSources] of tries) {
      const loading = other.load({ sources: otherSources, clock, startup, snapshot })
      const failed = errorOf(loading)
      await clock.advance(500)
      const error = await failed
      expect(error.cause).toMatchObject({ code: 'snapshot_outdated' })
      expect(error.message).toContain(words)
    }
    // a new schema that the old leaves fit is no obstacle: a deploy while the store is away
    const wider = defineConfig({
      name: 'shop',
      schema: definition.schema.extend({ extra: z.number().default(1) }),
    })
    const loading = wider.load({ sources, clock, startup, snapshot })
    await clock.advance(500)
    const config = await loading
    open.push(config)
    expect(config.current).toMatchObject({ pool: 10, extra: 1 })
  })

  it('gives way to the store when that answers while the file is read', async () => {
    await leaveSnapshot(GOOD, { key: 'k' })
    const { store, loading } = begin({ startup, snapshot: { path, key: 'k' } })
    store.sink.lost({ error: new Error('refused'), isFinal: true })
    await turn()
    store.replace(50, { ...GOOD, pool: '50' })
    const config = await loading
    expect(config.status).toMatchObject({ state: 'live', servedFrom: 'sources', revision: 50, version: 1 })
  })

  it('reports a file that cannot be written, and serves on', async () => {
    await writeFile(join(directory, 'taken'), '')
    const { store, loading } = begin({ snapshot: { path: join(directory, 'taken', 'x') } })
    store.replace(40, GOOD)
    const config = await loading
    const errors: LivetreeError[] = []
    config.on('error', (error) => errors.push(error))
    await config.close()
    expect(errors).toMatchObject([{ code: 'snapshot_not_written' }])
  })
})
