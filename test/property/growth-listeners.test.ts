import { live, type LiveConfig, defineConfig, memory } from '@livetree/core'
import { test } from 'vitest'
import * as z from 'zod'
import { expectLinear, type Part } from '../support/expect-linear.ts'

type Shop = LiveConfig<{ a: number }>

const definition = defineConfig({ name: 'shop', schema: z.object({ a: z.number().default(0) }) })

/** A search for each listener takes many times as long as everything else with so many. */
const countOf = (part: Part, count: number) => (part === 'whole' ? count : count / 4)

const ignore = () => {}

/** Each adds one listener and returns what removes it. */
const kinds: [string, number, (config: Shop) => () => unknown][] = [
  ['watch', 80_000, (config) => config.watch((value) => value.a, ignore)],
  ["on('change')", 80_000, (config) => config.on('change', ignore)],
  ["on('error')", 80_000, (config) => config.on('error', () => {})],
  [
    "off() of distinct listeners of 'error'",
    80_000,
    (config) => {
      const listener = () => {}
      config.on('error', listener)
      return () => config.off('error', listener)
    },
  ],
  [
    'off() of one listener that was added many times',
    80_000,
    (config) => {
      config.on('error', ignore)
      return () => config.off('error', ignore)
    },
  ],
  ['live()', 40_000, (config) => live(config, (value) => value.a, ignore).close],
  [
    'changed() with another timeout each',
    40_000,
    (config) => {
      config.changed({ timeoutMs: 100_000 }).catch(ignore)
      return ignore
    },
  ],
  [
    'an iterator that waits',
    40_000,
    (config) => {
      const iterator = config[Symbol.asyncIterator]()
      void iterator.next()
      return () => iterator.return?.()
    },
  ],
]

for (const [name, count, add] of kinds) {
  test(`${name}: the cost of adding, a change, removing and close() is linear in the number of listeners`, async () => {
    await expectLinear(name, (part) => async () => {
      const source = memory({})
      const config = await definition.load({ sources: [source], logger: false })
      const removals = Array.from({ length: countOf(part, count) }, () => add(config))
      source.set({ a: 1 })
      // Half of them by hand, in the order of their addition; close() removes the others.
      for (const remove of removals.slice(0, removals.length / 2)) void remove()
      await config.close()
    })
  })
}

test('many waits with one signal of the caller cost linearly too', async () => {
  await expectLinear('changed() with one signal', (part) => async () => {
    const config = await definition.load({ sources: [memory({})], logger: false })
    const given = new AbortController()
    const waits = Array.from({ length: countOf(part, 40_000) }, () =>
      config.changed({ signal: given.signal }),
    )
    given.abort()
    await Promise.allSettled(waits)
    await config.close()
  })
})
