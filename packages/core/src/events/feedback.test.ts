import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import type { LiveConfig } from '../live-config.ts'
import { memory } from '../source/memory.ts'
import type { Source, SourceSink } from '../source/source.ts'
import { createManualSource } from '../testing/manual-source.ts'
import { MOST_IN_A_ROW } from '../turn-budget.ts'

const definition = defineConfig({
  name: 'feedback',
  schema: z.object({ a: z.number().default(0), b: z.number().default(0), remote: z.coerce.number() }),
})
type Value = { readonly a: number; readonly b: number; readonly remote: number }

interface Parts {
  readonly config: LiveConfig<Value>
  /** A new number at each call, to be counted by the name of the handler. */
  called(handler: string): number
  readonly set: (patch: object) => void
  readonly sink: () => SourceSink
}

/** A local source that breaks the contract. */
function ownSource(): { readonly source: Source; readonly sink: () => SourceSink } {
  let sink: SourceSink | undefined
  const source: Source = {
    name: 'own',
    layers: [{ name: 'own', keyPrefix: '', separator: '/', naming: 'exact' }],
    isRemote: false,
    open(context) {
      sink = context.sink
      sink.replace({ revision: 1, epoch: 0, layers: [[]] })
      return { refresh: async () => {}, close: async () => {} }
    },
  }
  return { source, sink: () => sink! }
}

/** Handlers of which each call causes more than one other, without end. */
const DOORS: Record<string, (parts: Parts) => void> = {
  'two listeners of change, each sets'({ config, called, set }) {
    config.on('change', () => set({ a: called('first') }))
    config.on('change', () => set({ b: called('second') }))
    set({ a: -1 })
  },
  'one listener of change sets three times'({ config, called, set }) {
    config.on('change', () => {
      const count = called('one')
      for (const step of [0.1, 0.2, 0.3]) set({ a: count + step })
    })
    set({ a: -1 })
  },
  'watch handlers set what the other watches'({ config, called, set }) {
    const sets = (name: 'a' | 'b', other: 'a' | 'b') =>
      config.watch(
        (value) => value[name],
        () => {
          const count = called(name)
          set({ [other]: count })
          set({ [other]: -count })
        },
      )
    sets('a', 'b')
    sets('b', 'a')
    set({ a: -1 })
  },
  'two listeners of rejected, each sets what is not valid'({ config, called, set }) {
    for (const name of ['first', 'second'])
      config.on('rejected', () => set({ [name === 'first' ? 'a' : 'b']: `bad ${called(name)}` }))
    set({ a: 'bad' })
  },
  'two listeners of rejected, each mends and spoils'({ config, called, set }) {
    for (const name of ['first', 'second'])
      config.on('rejected', () => {
        const count = called(name)
        set({ a: count })
        set({ a: `bad ${name} ${count}` })
      })
    set({ a: 'bad' })
  },
  'two listeners of error, each breaks the contract'({ config, called, sink }) {
    for (const name of ['first', 'second'])
      config.on('error', () => {
        called(name)
        sink().patch({ revision: 0, changes: [] })
        sink().patch(undefined as never)
      })
    sink().patch({ revision: 0, changes: [] })
  },
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('handlers that start more calls than one each leave the event loop to others', () => {
  it.each(Object.keys(DOORS))('%s', async (door) => {
    const local = memory({})
    const { source, sink } = ownSource()
    const store = createManualSource()
    const warned: string[] = []
    const note = (message: string) => void warned.push(message)
    const logger = { debug() {}, info() {}, warn: note, error() {} }
    const loading = definition.load({ sources: [store, local, source], logger })
    store.replace(1, { remote: '0' })
    const config = await loading

    const counts = new Map<string, number>()
    const called = (handler: string) => {
      const count = (counts.get(handler) ?? 0) + 1
      counts.set(handler, count)
      return count
    }
    DOORS[door]!({ config, called, set: local.set, sink })
    const most: number[] = []
    for (let turns = 0; turns < 8; turns++) {
      const before = new Map(counts)
      await turn()
      most.push(...[...counts].map(([handler, count]) => count - (before.get(handler) ?? 0)))
    }
    expect(Math.max(...most)).toBeLessThanOrEqual(MOST_IN_A_ROW)
    // What has to wait goes on, and one warning says why.
    expect(Math.max(...counts.values())).toBeGreaterThan(2 * MOST_IN_A_ROW)
    expect(warned.filter((message) => /before the event loop turned/.test(message))).toHaveLength(1)
    await config.close()
  })
})

describe('what others change while handlers go round', () => {
  async function loadLoop() {
    const looping = memory({}, { name: 'looping' })
    const other = memory({}, { name: 'other' })
    const store = createManualSource()
    const loading = definition.load({ sources: [looping, other, store], logger: false })
    store.replace(1, { remote: '0' })
    const config = await loading
    let count = 0
    config.on('change', () => looping.set({ a: ++count }))
    config.on('change', () => looping.set({ a: -count }))
    looping.set({ a: 0.5 })
    for (let turns = 0; turns < 5; turns++) await turn()
    return { config, other, store, called: () => count }
  }

  it('is applied when set() returns, and costs no more than a turn', async () => {
    const { config, other, called } = await loadLoop()
    for (let b = 1; b <= 10; b++) {
      const before = called()
      other.set({ b })
      expect(config.current.b).toBe(b)
      expect(called() - before).toBeLessThanOrEqual(2 * MOST_IN_A_ROW)
    }
    await config.close()
  })

  it('is applied where it comes from a store', async () => {
    const { config, store } = await loadLoop()
    for (let revision = 2; revision <= 150; revision++) store.patch(revision, { remote: `${revision}` })
    while (config.current.remote !== 150) await turn()
    expect(config.status.sources.find(({ name }) => name === store.name)?.revision).toBe(150)
    await config.close()
  })
})

describe('a handler that sets much at once', () => {
  it('comes to the state after the last, turn by turn', async () => {
    const source = memory({ remote: 0 })
    await using config = await definition.load({ sources: [source], logger: false })
    const told: number[] = []
    config.on('change', ({ next }) => {
      told.push(next.a)
      if (next.a === -1) for (let a = 1; a <= 8_000; a++) source.set(a % 2 === 0 ? { a } : { a, b: a })
    })
    source.set({ a: -1 })
    expect(config.current.a).toBe(MOST_IN_A_ROW)
    await config.refresh()
    expect(config.current).toMatchObject({ a: 8_000, b: 7_999 })
    expect(told).toEqual([-1, ...Array.from({ length: MOST_IN_A_ROW }, (_, index) => index + 1), 8_000])
  })

  it('takes one by one what one turn can take: no state is left out', async () => {
    const source = memory({ remote: 0 })
    await using config = await definition.load({ sources: [source], logger: false })
    const rejected: number[] = []
    config.on('rejected', () => void rejected.push(config.current.a))
    config.on('change', ({ next }) => {
      if (next.a !== -1) return
      for (let a = 1; a < 2 * MOST_IN_A_ROW; a++) source.set({ a: a === 150 ? 'bad' : a })
      source.set({ a: 'worse' })
    })
    source.set({ a: -1 })
    await config.refresh()
    expect(rejected).toEqual([149, 199])
  })
})
