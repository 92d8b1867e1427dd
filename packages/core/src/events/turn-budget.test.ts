import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { LivetreeError } from '../errors.ts'
import { live } from '../resource/live-value.ts'
import { memory } from '../source/memory.ts'
import { createTestConfig, type TestConfig } from '../testing/create-test-config.ts'

const definition = defineConfig({ name: 'loop', schema: z.object({ a: z.coerce.number().default(1) }) })
type Value = { readonly a: number }

/** A call in a row more than this is one without end. */
const ENDLESS = 5_000

interface Loop {
  readonly config: TestConfig<Value, object>
  /** Changes the configuration by its own source. */
  set(patch: object): void
  /** Counts a call of the user's code; false when it has to stop. */
  again(): boolean
}

const error = () => new LivetreeError('internal', 'reported')

const DOORS: Record<string, (loop: Loop) => void> = {
  'report in error'({ config, again }) {
    config.on('error', () => void (again() && config.report(error())))
    config.report(error())
  },
  'report in an async error listener'({ config, again }) {
    config.on('error', async () => {
      await null
      if (again()) config.report(error())
    })
    config.report(error())
  },
  'errors of two listeners'({ config, again }) {
    for (let count = 0; count < 2; count++) config.on('error', () => void (again() && config.report(error())))
    config.report(error())
  },
  'set in change'({ config, again, set }) {
    config.on('change', ({ next }) => void (again() && set({ a: next.a + 1 })))
    set({ a: 3 })
  },
  'set in an async change listener'({ config, again, set }) {
    config.on('change', async ({ next }) => {
      await null
      if (again()) set({ a: next.a + 1 })
    })
    set({ a: 3 })
  },
  'two watch handlers that undo each other'({ config, again, set }) {
    config.watch(
      ({ a }) => a,
      (a) => void (a % 2 === 1 && again() && set({ a: 2 })),
    )
    config.watch(
      ({ a }) => a,
      (a) => void (a % 2 === 0 && again() && set({ a: 1 })),
    )
    set({ a: 3 })
  },
  'set in rejected'({ config, again, set }) {
    let count = 0
    config.on('rejected', () => void (again() && set({ a: `bad ${count++}` })))
    set({ a: 'bad' })
  },
  'set in an iteration'({ config, again, set }) {
    void (async () => {
      for await (const { next } of config) if (again()) set({ a: next.a + 1 })
    })()
    set({ a: 3 })
  },
  'set while waiting for changed()'({ config, again, set }) {
    void (async () => {
      while (again()) {
        const changed = config.changed()
        set({ a: config.current.a + 1 })
        await changed
      }
    })().catch(() => {})
  },
  'set in the factory of live()'({ config, again, set }) {
    live(
      config,
      ({ a }) => a,
      (a) => void (again() && set({ a: a + 1 })),
    )
  },
  'set in create of a resource'({ config, again, set }) {
    void config
      .resource(({ a }) => a, {
        create: (a) => {
          if (again()) set({ a: a + 1 })
        },
      })
      .catch(() => {})
  },
  'heal and reject in rejected'({ config, again }) {
    const spoil = () => {
      try {
        config.heal()
        config.reject()
      } catch {
        // inside a listener it is taken afterwards
      }
    }
    config.on('rejected', () => void (again() && spoil()))
    spoil()
  },
}

describe('user code that starts again what calls it, without end, leaves the event loop to others', () => {
  it.each(Object.keys(DOORS))('%s', async (door) => {
    const warned: string[] = []
    const note = (message: string) => void warned.push(message)
    const logger = { debug() {}, info() {}, warn: note, error: note }
    const source = memory({})
    const config = (await createTestConfig(
      definition,
      {},
      { sources: [source], logger },
    )) as unknown as Loop['config']
    const endless = () => warned.filter((message) => /before the event loop turned/.test(message))
    let count = 0
    let isOver = false
    const again = () => ++count < ENDLESS && !isOver
    DOORS[door]!({ config, set: (patch) => source.set(patch), again })
    for (let turn = 0; turn < 3; turn++) {
      const before = count
      await new Promise((resolve) => setTimeout(resolve, 1))
      expect(count - before).toBeLessThan(ENDLESS / 2)
    }
    // What has to wait goes on, and one warning says why.
    expect(count).toBeGreaterThan(101)
    expect(endless()).toHaveLength(1)
    isOver = true
    await config.close()
  })
})

describe('what is called at once stays so', () => {
  it('set() by the program, however often in a row; and a chain with an end', async () => {
    const source = memory({ a: 0 })
    const warned: string[] = []
    const note = (message: string) => void warned.push(message)
    const logger = { debug() {}, info() {}, warn: note, error: note }
    await using config = await definition.load({ sources: [source], logger })
    const told: number[] = []
    config.on('change', ({ next }) => void told.push(next.a))
    for (let a = 1; a <= 1_000; a++) {
      source.set({ a })
      expect(config.current.a).toBe(a)
    }
    expect(told).toHaveLength(1_000)
    config.watch(
      ({ a }) => a,
      (a) => void (a > 1_000 && a < 1_050 && source.set({ a: a + 1 })),
    )
    source.set({ a: 1_001 })
    expect(config.current.a).toBe(1_050)
    expect(told.slice(1_000)).toEqual(Array.from({ length: 50 }, (_, index) => 1_001 + index))
    expect(warned).toEqual([])
  })

  it('no change of a longer chain is lost, and refresh waits for what has to wait', async () => {
    const source = memory({ a: 0 })
    await using config = await definition.load({ sources: [source], logger: false })
    const told: number[] = []
    config.on('change', ({ next }) => {
      told.push(next.a)
      if (next.a < 150) source.set({ a: next.a + 1 })
    })
    source.set({ a: 1 })
    expect(config.current.a).toBe(101)
    // What comes meanwhile comes after it.
    await config.refresh()
    expect(config.current.a).toBe(150)
    expect(told).toEqual(Array.from({ length: 150 }, (_, index) => index + 1))
  })
})
