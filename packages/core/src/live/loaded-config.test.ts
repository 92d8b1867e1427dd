import { channel } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import { afterEach, describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { load } from '../load.ts'
import { secret } from '../schema/secret.ts'
import { memory } from '../source/memory.ts'
import { createManualSource } from '../testing/manual-source.ts'
import { createTestClock } from '../testing/test-clock.ts'
import type { LiveConfig } from '../live-config.ts'
import type { ReloadMessage } from '../events/diagnostics.ts'
import { openConfigs } from '../open-configs.ts'

const definition = defineConfig({
  name: 'shop',
  schema: z.object({
    a: z.number().default(0),
    b: z.object({ c: z.number().default(0), d: z.string().default('') }),
    url: secret(z.string().max(10)).default('none'),
  }),
})

const open: LiveConfig<unknown>[] = []
afterEach(async () => {
  for (const config of open.splice(0)) await config.close()
})

async function loadMemory(values: object = {}) {
  const source = memory(values)
  const config = await definition.load({ sources: [source] })
  open.push(config)
  return { source, config }
}

async function loadRemote() {
  const clock = createTestClock()
  const store = createManualSource({ name: 'etcd' })
  const options = { sources: [store], clock, staleAfterMs: 1_000, maxStalenessMs: 2_000 }
  // never gives way to other work: what the store says is judged when it returns
  const loading = load(definition, options, Number.POSITIVE_INFINITY)
  store.replace(10, { a: '1' })
  const config = await loading
  open.push(config)
  return { clock, store, config }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('current', () => {
  it('is frozen all the way down, and unchanged parts keep their identity (P5)', async () => {
    const { source, config } = await loadMemory({ a: 1, b: { c: 2 } })
    const before = config.current
    expect(Object.isFrozen(before) && Object.isFrozen(before.b)).toBe(true)
    source.set({ a: 2 })
    expect(config.current).toEqual({ a: 2, b: { c: 2, d: '' }, url: 'none' })
    expect(config.current.b).toBe(before.b)
    expect(before.a).toBe(1)
  })

  it('stays readable after close', async () => {
    const { config } = await loadMemory({ a: 7 })
    await config.close()
    expect(config.current.a).toBe(7)
    expect(config.status.state).toBe('closed')
  })
})

describe('other events', () => {
  it('tell ready to those who come after load', async () => {
    const { config } = await loadMemory()
    const notified: unknown[] = []
    config.on('ready', (event) => notified.push(event))
    config.once('ready', (event) => notified.push(event))
    const stop = config.on('ready', () => notified.push('removed before its turn'))
    stop()
    await turn()
    expect(notified).toEqual([
      { revision: 1, servedFrom: 'sources' },
      { revision: 1, servedFrom: 'sources' },
    ])
  })

  it('tell of a rejected tree once, keep the last good state, and clear it when it is healed (P3)', async () => {
    const { source, config } = await loadMemory({ a: 1 })
    const rejected: unknown[] = []
    config.on('rejected', (event) => rejected.push(event))
    const before = config.current
    source.set({ a: 'x' })
    source.set({ b: { c: 1 } })
    expect(config.current).toBe(before)
    expect(rejected).toMatchObject([{ source: 'memory', issues: [{ pathText: 'a', received: '"x"' }] }])
    expect(config.status.rejected).toBe(rejected[0])
    source.set({ a: 2 })
    expect(config.current).toMatchObject({ a: 2, b: { c: 1 } })
    expect(config.status.rejected).toBeUndefined()
  })

  it('give a busy listener the newest of what came meanwhile', async () => {
    const { source, config } = await loadMemory()
    const notified: string[] = []
    config.on('rejected', async ({ issues }) => {
      notified.push(issues[0]!.received!)
      await null
    })
    for (const a of ['w', 'x', 'y']) source.set({ a })
    await turn()
    expect(notified).toEqual(['"w"', '"y"'])
  })

  it('tell of unknown keys when they change, and not with unused: ignore', async () => {
    const { source, config } = await loadMemory({ a: 1 })
    const notified: string[][] = []
    config.on('unused', ({ keys }) => notified.push(keys.map(({ pathText }) => pathText)))
    source.set({ typo: 1 })
    source.set({ a: 2 })
    source.set({ other: 1 })
    expect(notified).toEqual([['typo'], ['other', 'typo']])
    expect(config.status.unused).toHaveLength(2)
    source.set({ typo: undefined, other: undefined })
    expect(config.status.unused).toEqual([])

    const quiet = await defineConfig({ ...definition, unused: 'ignore' }).load({ sources: [source] })
    open.push(quiet)
    quiet.on('unused', () => notified.push(['told']))
    source.set({ typo: 1 })
    await turn()
    expect(notified.at(-1)).not.toEqual(['told'])
    expect(quiet.status.unused).toEqual([])
  })

  it('publish on diagnostics channels', async () => {
    const published: unknown[] = []
    const record = (message: unknown, name: string | symbol) => published.push([name, message])
    const names = ['ready', 'change', 'rejected', 'unused', 'error', 'close'].map(
      (name) => `livetree:${name}`,
    )
    for (const name of names) channel(name).subscribe(record)
    const { source, config } = await loadMemory({ url: 'hunter2' })
    source.set({ url: 'hunter3', typo: 1 })
    source.set({ a: 'x' })
    config.on('rejected', () => {})
    await config.close()
    for (const name of names) channel(name).unsubscribe(record)
    const notified = published.map((entry) => (entry as [string])[0])
    expect(notified).toEqual(
      ['ready', 'unused', 'change', 'rejected', 'close'].map((name) => `livetree:${name}`),
    )
    expect(published[2]).toMatchObject([
      'livetree:change',
      { config: 'shop', revision: 2, changes: [{ pathText: 'url', next: '[secret]' }] },
    ])
    expect(JSON.stringify(published)).not.toContain('hunter')
  })

  it('publish what became of each update, with its times, and nothing where nobody listens', async () => {
    const reloads: ReloadMessage[] = []
    const record = (message: unknown) => reloads.push(message as ReloadMessage)
    const { clock, store, config } = await loadRemote()
    channel('livetree:reload').subscribe(record)
    config.on('rejected', () => {})
    store.patch(11, { a: '2' })
    await clock.advance(5)
    store.patch(12, { a: 'hunter' })
    store.patch(13, { a: '2' })
    store.replace(14, { a: '3' })
    channel('livetree:reload').unsubscribe(record)
    const published = vi.spyOn(Object.getPrototypeOf(channel('livetree:reload')), 'publish')
    store.patch(15, { a: '4' })
    expect(published).not.toHaveBeenCalled()
    published.mockRestore()
    const times = { validate: expect.any(Number), apply: expect.any(Number) }
    const common = { config: 'shop', source: 'etcd', store: undefined, epoch: 0, durationsMs: times }
    expect(reloads).toEqual([
      { ...common, result: 'applied', type: 'patch', revisions: [11], startedAt: clock.now() - 5 },
      { ...common, result: 'rejected', type: 'patch', revisions: [12], startedAt: clock.now() },
      { ...common, result: 'unchanged', type: 'patch', revisions: [13], startedAt: clock.now() },
      { ...common, result: 'applied', type: 'replace', revisions: [14], startedAt: clock.now() },
    ])
    expect(reloads.every(({ durationsMs: { validate, apply } }) => validate > 0 && apply > 0)).toBe(true)
  })
})

describe('openConfigs', () => {
  it('has those that were loaded, and none that failed to load or is closed', async () => {
    // Tests before it may have left some open.
    const others = new Set(openConfigs())
    const { config } = await loadMemory()
    const { config: other } = await loadMemory()
    await expect(definition.load({ sources: [memory({ a: 'x' })], logger: false })).rejects.toThrow()
    const ours = () => openConfigs().filter((each) => !others.has(each))
    expect(ours()).toEqual([config, other])
    await config.close()
    expect(ours()).toEqual([other])
  })
})

describe('status and health (P7)', () => {
  it('tells when a tree was last valid', async () => {
    const { clock, store, config } = await loadRemote()
    const loadedAt = clock.now()
    expect(config.status.acceptedAt).toBe(loadedAt)
    await clock.advance(10)
    config.on('rejected', () => {})
    store.patch(11, { a: 'x' })
    expect(config.status.acceptedAt).toBe(loadedAt)
    store.patch(12, { a: '1' })
    expect(config.status.acceptedAt).toBe(clock.now())
  })

  it('goes stale by silence and live by proof, in status, events and health', async () => {
    const { clock, store, config } = await loadRemote()
    const events: string[] = []
    config.on('stale', ({ reason }) => events.push(reason))
    config.on('live', ({ staleMs, revision }) => events.push(`live ${staleMs} ${revision}`))
    expect(config.status).toMatchObject({
      state: 'live',
      provenAt: clock.now(),
      staleForMs: 0,
      servedFrom: 'sources',
    })
    expect(config.health).toEqual({
      isReady: true,
      state: 'live',
      revision: 10,
      staleForMs: 0,
      reason: undefined,
    })
    await clock.advance(1_500)
    expect(config.status).toMatchObject({ state: 'stale', staleForMs: 1_500 })
    expect(config.health).toMatchObject({
      isReady: true,
      reason: 'etcd has been silent for more than 1000 ms',
    })
    await clock.advance(501)
    expect(config.health.isReady).toBe(false)
    store.sink.alive({ revision: 15, provenAt: clock.now() })
    expect(config.status).toMatchObject({ state: 'live', revision: 15, staleForMs: 0 })
    expect(config.health.isReady).toBe(true)
    expect(events).toEqual(['etcd has been silent for more than 1000 ms', 'live 1000 15'])
  })

  it('logs a source that is lost once for each reason and when it is back, for debugging; a local one is an error event too', async () => {
    const log: string[] = []
    const record = (message: string) => {
      if (message.includes('ource')) log.push(message.replace(/ of configuration "shop"/, ''))
    }
    const logger = { debug: record, info() {}, warn: record, error: record }
    const store = createManualSource({ name: 'etcd' })
    const local = createManualSource({ name: 'file', isRemote: false })
    const loading = load(definition, { sources: [local, store], logger }, Number.POSITIVE_INFINITY)
    store.replace(1, {})
    local.replace(1, {})
    const config = await loading
    open.push(config)
    const errors: string[] = []
    config.on('error', ({ code }) => errors.push(code))
    log.length = 0
    for (const message of ['refused', 'refused', 'timed out']) {
      store.sink.lost({ error: new Error(message), isFinal: false })
    }
    store.patch(2, { a: '1' })
    local.sink.lost({ error: new Error('gone'), isFinal: true })
    expect(log).toEqual([
      'Source etcd is lost: refused',
      'Source etcd is lost: timed out',
      'Source etcd is back',
      '[source_unavailable] Source file is lost: gone',
    ])
    expect(errors).toEqual(['source_unavailable'])
    expect(config.status.state).toBe('live')
  })

  it('shows every source, and stays ready with a rejected tree', async () => {
    const { store, config } = await loadRemote()
    store.patch(11, { a: 'x' })
    expect(config.health).toMatchObject({
      isReady: true,
      reason:
        'the tree of etcd at revision 11 was rejected: a: Invalid input: expected number, received string, received "x" (etcd: a, revision 11)',
    })
    store.sink.lost({ error: new Error('gone'), isFinal: false })
    expect(config.status.sources).toMatchObject([
      { name: 'etcd', state: 'lost', lastError: { message: 'gone' } },
    ])
    await config.close()
    expect(config.health).toMatchObject({ isReady: false, state: 'closed' })
  })
})

describe('secrets (P10)', () => {
  it('are in no print of the configuration, its snapshots, events and status', async () => {
    const { source, config } = await loadMemory({ url: 'hunter2' })
    const seen: unknown[] = [config, config.status, config.health, config.snapshot(), config.explain('url')]
    config.on('change', (event) => seen.push(event))
    config.on('rejected', (event) => seen.push(event))
    source.set({ url: 'hunter3' })
    source.set({ url: 'hunter4 is too long' })
    expect(seen).toHaveLength(7)
    for (const one of seen) {
      expect(inspect(one, { depth: 9, getters: false })).not.toContain('hunter2')
      expect(inspect(one, { depth: 9 }) + JSON.stringify(one)).not.toMatch(/hunter[34]/)
    }
    expect(config.current.url).toBe('hunter3')
  })
})

describe('close (P11)', () => {
  it('closes every source, and reports one that fails to', async () => {
    const closed: string[] = []
    const one = memory({ a: 1 }, { name: 'one' })
    const two = { ...memory({}, { name: 'two' }) }
    const config = await definition.load({
      sources: [
        { ...one, open: (context) => ({ ...one.open(context), close: async () => void closed.push('one') }) },
        {
          ...two,
          open: (context) => ({ ...two.open(context), close: () => Promise.reject(new Error('stuck')) }),
        },
      ],
    })
    const errors: string[] = []
    config.on('error', ({ message }) => errors.push(message))
    await config.close()
    await config.close()
    expect(closed).toEqual(['one'])
    expect(errors).toEqual(['[source_broken] Source two could not be closed: stuck.'])
  })

  it('refuses new listeners, tells old ones nothing, fires the signal', async () => {
    const { source, config } = await loadMemory()
    const notified = vi.fn()
    config.on('change', notified)
    await config.close()
    source.set({ a: 1 })
    expect(notified).not.toHaveBeenCalled()
    expect(config.signal.aborted).toBe(true)
    for (const call of [
      () => config.on('change', notified),
      () => config.once('change', notified),
      () => config.watch((value) => value.a, notified),
      () => config[Symbol.asyncIterator](),
    ]) {
      expect(call).toThrow('[closed]')
    }
  })

  it('closes resources in reverse order', async () => {
    const { config } = await loadMemory()
    const log: string[] = []
    for (const name of ['one', 'two', 'three']) {
      await config.resource((value) => value.a, {
        name,
        create: () => name,
        dispose: async (old) => {
          await turn()
          log.push(old)
        },
      })
    }
    await config.close()
    expect(log).toEqual(['three', 'two', 'one'])
  })

  it('may be called from inside a listener', async () => {
    const { source, config } = await loadMemory()
    const notified: number[] = []
    config.on('change', async ({ next }) => {
      notified.push(next.a)
      await config.close()
    })
    source.set({ a: 1 })
    source.set({ a: 2 })
    await config.close()
    expect(notified).toEqual([1])
  })
})

describe('resource', () => {
  it('follows its part of the configuration, shows in status, and goes when it is closed', async () => {
    const { source, config } = await loadMemory({ a: 1 })
    const resource = await config.resource((value) => value.a, { create: (a) => ({ a }) })
    source.set({ a: 2 })
    await turn()
    expect(await resource.use(({ a }) => a)).toBe(2)
    expect(config.status.resources).toMatchObject([{ name: 'resource 1', state: 'ready', builtCount: 2 }])
    await resource.close()
    expect(config.status.resources).toEqual([])
    source.set({ a: 3 })
    await turn()
    expect(resource.status.builtCount).toBe(2)
  })

  it('leaves nothing of one whose first build failed', async () => {
    const { config } = await loadMemory()
    const create = () => Promise.reject(new Error('no route'))
    await expect(config.resource((value) => value.a, { create })).rejects.toMatchObject({
      code: 'resource_failed',
    })
    expect(config.status.resources).toEqual([])
  })
})

describe('runPinned', () => {
  it('gives one state to everything it starts, while current moves on', async () => {
    const { source, config } = await loadMemory({ a: 1 })
    const seen: number[] = []
    const request = config.runPinned(async () => {
      seen.push(config.pinned().a)
      await turn()
      seen.push(config.pinned().a)
      await new Promise((resolve) => setTimeout(resolve))
      seen.push(config.pinned().a, config.pinnedSnapshot().version)
      // one request is one state, however deep
      config.runPinned(() => seen.push(config.pinned().a))
      config.runPinned(() => seen.push(config.pinned().a), config.snapshot())
    })
    source.set({ a: 2 })
    await request
    expect(seen).toEqual([1, 1, 1, 1, 1, 2])
    expect(config.pinned().a).toBe(2)
  })

  it('refuses what is no snapshot of its own, which would be served as its values', async () => {
    const [{ source, config }, { config: other }] = [await loadMemory({ a: 1 }), await loadMemory({ a: 2 })]
    const pin = (snapshot: unknown) => config.runPinned(() => config.pinned().a, snapshot as never)
    expect(() => pin(other.snapshot())).toThrow(
      /^\[invalid_options\] runPinned\(\) got a snapshot of another/,
    )
    for (const wrong of [null, {}, config.current, 5]) expect(() => pin(wrong)).toThrow(/invalid_options/)
    const first = config.snapshot()
    source.set({ a: 3 })
    expect([pin(first), pin(config.snapshot()), pin(undefined)]).toEqual([1, 3, 3])
  })
})
