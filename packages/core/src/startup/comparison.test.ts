import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { LivetreeError } from '../errors.ts'
import { SnapshotFile } from '../snapshot-file/snapshot-file.ts'
import type { EarlierPlace, Source } from '../source/source.ts'
import { createManualSource } from '../testing/manual-source.ts'
import { createTestClock } from '../testing/test-clock.ts'
import type { OnUnavailable } from './load-options.ts'

const folder = mkdtempSync(join(tmpdir(), 'livetree-comparison-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0

const schema = z.object({ a: z.number().default(0), many: z.record(z.string(), z.string()).default({}) })
const shop = defineConfig({ name: 'shop', schema })
const MANY = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`k${index}`, 'v']))
const GONE = Object.fromEntries(Object.keys(MANY).map((name) => [`many/${name}`, undefined]))
const DAY_MS = 24 * 60 * 60 * 1_000

/** One process after another, on one machine. */
function machine() {
  const path = join(folder, `${++files}.snapshot`)
  const clock = createTestClock()
  const warned: string[] = []
  const note = (message: string) => void warned.push(message)
  const logger = { debug() {}, info() {}, warn: note, error: note }
  let earlier: Promise<EarlierPlace | undefined> | undefined
  const start = async (
    tree: object,
    options: {
      onUnavailable?: OnUnavailable
      definition?: typeof shop
      key?: string
      revision?: number
    } = {},
  ) => {
    const { onUnavailable = 'snapshot', definition = shop, key = 'a key', revision = 10 } = options
    const store = createManualSource({ name: 'store' })
    const source: Source = {
      name: store.name,
      layers: store.layers,
      isRemote: true,
      open: (context) => {
        earlier = context.earlier
        const connection = store.open(context)
        store.sink.replace({
          revision,
          epoch: 0,
          store: 'a store',
          layers: [leavesOf(tree)],
        })
        return connection
      },
    }
    const config = await definition.load({
      sources: [source],
      startup: { onUnavailable },
      snapshot: { path, key, intervalMs: 0 },
      clock,
      logger,
    })
    return { config, store }
  }
  return { path, clock, warned, start, earlier: () => earlier }
}

function leavesOf(tree: object) {
  return Object.entries(tree).flatMap(([name, value]) =>
    typeof value === 'object' && value !== null
      ? Object.entries(value as object).map(([key, text]) => ({
          path: `${name}/${key}`,
          value: text as unknown,
          revision: 1,
        }))
      : [{ path: name, value: value as unknown, revision: 1 }],
  )
}

const codesOf = (error: unknown) =>
  error instanceof LivetreeError ? error.issues.map(({ code }) => code) : error

describe('Comparison', () => {
  it.each<[OnUnavailable, number | undefined]>([
    ['fail', undefined],
    ['defaults', 0],
    ['snapshot', 20],
  ])('holds whatever onUnavailable says: %s', async (onUnavailable, count) => {
    const { start } = machine()
    await (await start({ a: '1', many: MANY })).config.close()
    const started = start({ a: '1' }, { onUnavailable, revision: 11 })
    if (count === undefined) {
      expect(codesOf(await started.catch((error: unknown) => error))).toEqual(['guard'])
      return
    }
    const { config, store } = await started
    expect(Object.keys(config.current.many)).toHaveLength(count)
    expect(config.status.rejected?.issues).toMatchObject([{ code: 'guard' }])
    store.patch(12, {}, { allowRemoval: true })
    await config.refresh()
    expect(config.status).toMatchObject({ servedFrom: 'sources', rejected: undefined })
    expect(config.current).toEqual({ a: 1, many: {} })
    await config.close()
  })

  it('tells the source where it stood, and nothing where there was no snapshot', async () => {
    const { start, earlier } = machine()
    const first = await start({ a: '1' })
    expect(await earlier()).toBeUndefined()
    await first.config.close()
    await (await start({ a: '1' }, { revision: 11 })).config.close()
    expect(await earlier()).toMatchObject({ revision: 10, store: 'a store' })
  })

  it.each<[OnUnavailable, number | undefined]>([
    ['fail', undefined],
    ['snapshot', 20],
  ])('judges what happened since, one by one, and the newest decides: %s', async (onUnavailable, count) => {
    const { path, clock, start } = machine()
    await (await start({ a: '1', many: MANY })).config.close()
    const store = createManualSource({ name: 'store' })
    const loading = shop.load({
      sources: [store],
      startup: { onUnavailable },
      snapshot: { path, key: 'a key', intervalMs: 0 },
      clock,
      logger: false,
    })
    const layers = [leavesOf({ a: '1', many: MANY })]
    store.sink.replace({ revision: 10, epoch: 0, store: 'a store', layers, isKnown: true })
    store.patch(11, { a: '2' })
    store.patch(12, GONE)
    if (count === undefined) {
      // A good tree of the past is no reason to start where nothing may stand in for the newest one.
      expect(codesOf(await loading.catch((error: unknown) => error))).toEqual(['guard'])
      return
    }
    const config = await loading
    expect(config.status.servedFrom).toBe('sources')
    expect([config.current.a, Object.keys(config.current.many).length]).toEqual([2, count])
    expect(config.status.rejected?.issues).toMatchObject([{ code: 'guard' }])
    await config.close()
  })

  it('ends after a day, unless a refusal stands', async () => {
    for (const isRefused of [false, true]) {
      const { start, clock } = machine()
      const { config, store } = await start({ a: '1', many: MANY })
      if (isRefused) store.patch(11, GONE)
      await config.refresh()
      await config.close()
      await clock.advance(DAY_MS + 1)
      const again = await start({ a: '1' }, { revision: 12 })
      expect(Object.keys(again.config.current.many)).toHaveLength(isRefused ? 20 : 0)
      await again.config.close()
    }
  })

  it('stands for as long as it is refused, over any number of starts, also those that fail', async () => {
    for (const onUnavailable of ['snapshot', 'fail'] as const) {
      const { start, clock } = machine()
      await (await start({ a: '1', many: MANY })).config.close()
      for (let revision = 11; revision < 14; revision++) {
        const started = await start({ a: '1' }, { onUnavailable, revision }).catch((error: unknown) =>
          codesOf(error),
        )
        if (onUnavailable === 'fail') expect(started).toEqual(['guard'])
        else await (started as Awaited<ReturnType<typeof start>>).config.close()
        await clock.advance(3 * DAY_MS)
      }
      // Put back, it is over, and a day later so is the comparison.
      await (await start({ a: '1', many: MANY }, { revision: 20 })).config.close()
      await clock.advance(2 * DAY_MS)
      const { config } = await start({ a: '1' }, { revision: 21 })
      expect(config.current.many).toEqual({})
      await config.close()
    }
  })

  it('goes by leaves alone where the schema is another one', async () => {
    const { start } = machine()
    const wide = defineConfig({ name: 'shop', schema: z.object({ a: z.number().default(0), many: z.any() }) })
    const narrow = wide as unknown as typeof shop
    await (await start({ a: '1', many: JSON.stringify(MANY) })).config.close()
    // One leaf to this schema, where it was twenty to the other.
    const { config } = await start(
      { a: '1', many: JSON.stringify(MANY) },
      { definition: narrow, revision: 11 },
    )
    expect(config.status.rejected).toBeUndefined()
    await config.close()
  })

  it.each<[string, (path: string) => void, RegExp | undefined]>([
    ['missing', (path) => rmSync(path), undefined],
    [
      'damaged',
      (path) => writeFileSync(path, 'x'),
      /nothing to compare .* not a snapshot|nothing to compare/,
    ],
    [
      'a pipe',
      (path) => {
        rmSync(path)
        execFileSync('mkfifo', [path])
      },
      undefined,
    ],
  ])('is left out, and says so, when the snapshot is %s', async (_name, damage, words) => {
    const { path, start, warned } = machine()
    await (await start({ a: '1', many: MANY })).config.close()
    damage(path)
    const { config } = await start({ a: '1' }, { revision: 11 })
    expect(config.current.many).toEqual({})
    const said = warned.filter((line) => line.includes('nothing to compare'))
    expect(said).toHaveLength(words === undefined ? 0 : 1)
    await config.close()
  })

  it('goes by what was removed last, also where that changed no value', async () => {
    const { path, clock, start } = machine()
    const { config, store } = await start({ a: '0', many: MANY })
    await clock.advance(1)
    await expect.poll(() => existsSync(path)).toBe(true)
    // The default is the same value.
    store.patch(11, { a: undefined })
    await config.refresh()
    await config.close()
    const [stored] = (await new SnapshotFile(path, 'a key').read()).sources
    expect(stored).toMatchObject({ revision: 11, guard: { leafCount: 20, peak: 21, seen: { revision: 11 } } })
  })

  it('does not forget what was allowed while the good state is written to disk', async () => {
    const { start, clock } = machine()
    const { config, store } = await start({ a: '1', many: MANY })
    store.patch(11, { a: '2' })
    // Allowed, and rejected for another reason, when the snapshot is due.
    store.patch(12, { ...GONE, a: 'x' }, { allowRemoval: true })
    await clock.advance(10)
    await config.refresh()
    store.patch(13, { a: '3' })
    await config.refresh()
    expect(config.current).toEqual({ a: 3, many: {} })
    await config.close()
  })

  /** Puts the reading of the snapshot off until `go` is called. */
  function slowDisk() {
    const delay = Promise.withResolvers<void>()
    const original = SnapshotFile.prototype.read
    const spy = vi.spyOn(SnapshotFile.prototype, 'read').mockImplementation(async function (
      this: SnapshotFile,
    ) {
      await delay.promise
      return original.call(this)
    })
    return { go: () => delay.resolve(), [Symbol.dispose]: () => spy.mockRestore() }
  }

  it.each<[OnUnavailable, number]>([
    ['snapshot', 20],
    ['defaults', 0],
  ])(
    'holds where the snapshot is read after the sources have had their time: %s',
    async (onUnavailable, count) => {
      const { start, clock, warned } = machine()
      await (await start({ a: '1', many: MANY })).config.close()
      using disk = slowDisk()
      const started = start({ a: '2' }, { onUnavailable, revision: 11 })
      await clock.advance(12_000)
      disk.go()
      const { config } = await started
      expect(Object.keys(config.current.many)).toHaveLength(count)
      expect(config.status.servedFrom).toBe(onUnavailable)
      expect(config.status.rejected?.issues).toMatchObject([{ code: 'guard' }])
      expect(warned.filter((line) => line.includes('nothing to compare'))).toEqual([])
      await config.close()
    },
  )

  it.each<[OnUnavailable, number]>([
    ['fail', 10_000],
    ['defaults', 15_000],
    ['snapshot', 15_000],
  ])('is given up, and says so, when the snapshot is not read in time: %s', async (onUnavailable, ms) => {
    const { start, clock, warned } = machine()
    using _disk = slowDisk()
    let isOver = false
    const started = start({ a: '1' }, { onUnavailable }).finally(() => {
      isOver = true
    })
    await clock.advance(ms - 1)
    expect(isOver).toBe(false)
    await clock.advance(1)
    const { config } = await started
    expect(config.current).toEqual({ a: 1, many: {} })
    expect(warned.filter((line) => /nothing to compare.* has not been read in time/.test(line))).toHaveLength(
      1,
    )
    await config.close()
  })

  it.each([
    { what: 'waits for it', asks: true, ms: 15_000, words: 'has not handed over its tree' },
    { what: 'is silent', asks: false, ms: 10_000, words: 'has not answered' },
  ])('gives a source that $what its time, and no more', async ({ asks, ms, words }) => {
    const { path, clock } = machine()
    using _disk = slowDisk()
    const store = createManualSource({ name: 'store' })
    const open: Source['open'] = (context) => {
      if (asks) void context.earlier
      return store.open(context)
    }
    let error: unknown
    const loading = shop.load({
      sources: [{ name: store.name, layers: store.layers, isRemote: true, open }],
      snapshot: { path },
      clock,
      logger: false,
    })
    loading.catch((thrown: unknown) => {
      error = thrown
    })
    await clock.advance(ms - 1)
    expect(error).toBeUndefined()
    await clock.advance(1)
    await expect(loading).rejects.toMatchObject({ code: 'startup_timeout' })
    expect(String(error)).toContain(words)
  })

  it('does not keep load from ending, nor close', async () => {
    const { start } = machine()
    const aborted = shop.load({
      sources: [createManualSource({ name: 'store' })],
      snapshot: { path: join(folder, 'none.snapshot') },
      signal: AbortSignal.abort(),
      logger: false,
    })
    await expect(aborted).rejects.toMatchObject({ code: 'aborted' })
    await (await start({})).config.close()
  })
})
