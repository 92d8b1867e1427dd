import { afterEach, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { load } from '../load.ts'
import { secret } from '../schema/secret.ts'
import { memory } from '../source/memory.ts'
import { createManualSource } from '../testing/manual-source.ts'
import { createTestClock } from '../testing/test-clock.ts'
import type { LiveConfig } from '../live-config.ts'

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

describe('changed', () => {
  it('waits for the next change, or gives one that has been since a snapshot or a revision', async () => {
    const { store, config } = await loadRemote()
    const start = config.snapshot()
    const next = config.changed()
    store.patch(11, { a: '2' })
    expect((await next).revision).toBe(11)
    store.patch(12, { 'b/c': '2' })
    const since = await config.changed({ after: start })
    expect(since.changes.map(({ pathText }) => pathText)).toEqual(['a', 'b.c'])
    expect((await config.changed({ after: 11 })).changes.map(({ pathText }) => pathText)).toEqual(['b.c'])
    const later = config.changed({ after: 12 })
    store.sink.alive({ revision: 20, provenAt: 0 })
    await turn()
    store.patch(21, { a: '3' })
    expect((await later).revision).toBe(21)
  })

  it.each([
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['an object', {}],
    ['what looks like a snapshot', { revision: 1, version: 1, epoch: 0, value: {} }],
    ['a text', '12'],
    ['nothing', null],
  ])('refuses what is neither a revision nor a snapshot: %s', async (_name, after) => {
    const { config } = await loadMemory()
    await expect(config.changed({ after: after as number })).rejects.toThrow(
      /^\[invalid_options\] changed\(\) got after = .*; expected a revision of the store or a snapshot\(\)/,
    )
  })

  it('rejects, and throws nothing, where it or resource() is called after close', async () => {
    const { config } = await loadMemory()
    await config.close()
    for (const call of [
      () => config.changed(),
      () => config.refresh(),
      () => config.resource((value) => value, { create: () => 1 }),
    ])
      await expect(call()).rejects.toMatchObject({ code: 'closed' })
  })

  it('refuses a snapshot of another configuration, of which it would miss or invent a change', async () => {
    const [{ config }, { config: other }] = [await loadMemory(), await loadMemory()]
    await expect(config.changed({ after: other.snapshot() })).rejects.toThrow(
      '[invalid_options] changed() got a snapshot of another configuration; expected what snapshot() of this',
    )
    const own = config.changed({ after: config.snapshot(), timeoutMs: 1 })
    await expect(own).rejects.toMatchObject({ code: 'timeout' })
  })

  it('ends by timeout, by signal, and by close, and leaves no listener', async () => {
    const { clock, config } = await loadRemote()
    const timers = clock.pendingTimers
    const late = expect(config.changed({ timeoutMs: 50 })).rejects.toMatchObject({ code: 'timeout' })
    await clock.advance(50)
    await late
    const abort = new AbortController()
    const aborted = expect(config.changed({ signal: abort.signal })).rejects.toMatchObject({
      code: 'aborted',
      cause: 'enough',
    })
    abort.abort('enough')
    await aborted
    await expect(config.changed({ signal: abort.signal })).rejects.toMatchObject({ code: 'aborted' })
    const closed = expect(config.changed({ timeoutMs: 1_000 })).rejects.toMatchObject({ code: 'closed' })
    await config.close()
    await closed
    await expect(config.changed()).rejects.toMatchObject({ code: 'closed' })
    expect(clock.pendingTimers).toBe(0)
    expect(timers).toBe(1)
  })
})

describe('iteration', () => {
  it('gives changes since it began, coalesced while the consumer is busy, and ends with close', async () => {
    const { source, config } = await loadMemory()
    const iterator = config[Symbol.asyncIterator]()
    source.set({ a: 1 })
    source.set({ a: 2 })
    const notified: string[] = []
    const done = (async () => {
      for await (const { previous, next } of { [Symbol.asyncIterator]: () => iterator }) {
        notified.push(`${previous.a} → ${next.a}`)
      }
      return 'ended'
    })()
    await turn()
    source.set({ a: 3 })
    await turn()
    source.set({ a: 4 })
    await config.close()
    expect(await done).toBe('ended')
    expect(notified).toEqual(['0 → 2', '2 → 3', '3 → 4'])
  })
})

describe('refresh', () => {
  it('resolves when the sources have caught up and all they said is judged', async () => {
    const store = createManualSource({
      refresh: async () => {
        await turn()
        store.patch(11, { a: '2' })
      },
    })
    const loading = definition.load({ sources: [store] })
    store.replace(10, { a: '1' })
    const config = await loading
    open.push(config)
    await config.refresh()
    expect(config).toMatchObject({ revision: 11, current: { a: 2 } })
  })

  it('has every failure as a LivetreeError', async () => {
    const clock = createTestClock()
    let answer = () => Promise.reject<void>(new Error('no leader'))
    const signals: AbortSignal[] = []
    const store = createManualSource({
      refresh: (signal) => {
        signals.push(signal)
        return answer()
      },
    })
    const loading = definition.load({ sources: [store], clock })
    store.replace(10, { a: '1' })
    const config = await loading
    open.push(config)
    await expect(config.refresh()).rejects.toMatchObject({
      code: 'source_unavailable',
      cause: { message: 'no leader' },
    })
    answer = () => new Promise(() => {})
    const late = expect(config.refresh({ timeoutMs: 30 })).rejects.toMatchObject({ code: 'timeout' })
    await clock.advance(30)
    await late
    expect(signals[1]!.aborted).toBe(true)
    const closed = expect(config.refresh()).rejects.toMatchObject({ code: 'closed' })
    await config.close()
    await closed
    await expect(config.refresh()).rejects.toMatchObject({ code: 'closed' })
  })
})
