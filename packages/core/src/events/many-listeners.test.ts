import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import type { LiveConfig } from '../live-config.ts'
import { live } from '../resource/live-value.ts'
import { memory } from '../source/memory.ts'

type Shop = LiveConfig<{ a: number }>

const definition = defineConfig({ name: 'shop', schema: z.object({ a: z.number().default(0) }) })

/** Processor time in milliseconds, which other processes of the machine do not lengthen. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

const ignore = () => {}

/** In processor time. A search per listener takes at least twice as long with these counts, constant time a fifth. */
const MOST_MS = 3_000

/** Each adds one listener and returns what removes it. */
const kinds: [string, number, (config: Shop) => () => unknown][] = [
  ['watch', 40_000, (config) => config.watch((value) => value.a, ignore)],
  ["on('change')", 40_000, (config) => config.on('change', ignore)],
  ["on('error')", 40_000, (config) => config.on('error', () => {})],
  [
    "off() of distinct listeners of 'error'",
    40_000,
    (config) => {
      const listener = () => {}
      config.on('error', listener)
      return () => config.off('error', listener)
    },
  ],
  [
    'off() of one listener that was added many times',
    40_000,
    (config) => {
      config.on('error', ignore)
      return () => config.off('error', ignore)
    },
  ],
  ['live()', 18_000, (config) => live(config, (value) => value.a, ignore).close],
  [
    'changed() with another timeout each',
    18_000,
    (config) => {
      config.changed({ timeoutMs: 100_000 }).catch(ignore)
      return ignore
    },
  ],
  [
    'an iterator that waits',
    18_000,
    (config) => {
      const iterator = config[Symbol.asyncIterator]()
      void iterator.next()
      return () => iterator.return?.()
    },
  ],
]

for (const [name, count, add] of kinds) {
  test(`${name}: the cost of adding, a change, removing and close() is linear in the number of listeners`, async () => {
    const source = memory({})
    const before = cpuMs()
    const removals: (() => unknown)[] = []
    const config = await definition.load({ sources: [source], logger: false })
    for (let index = 0; index < count; index++) removals.push(add(config))
    source.set({ a: 1 })
    // Half of them by hand, in the order of their addition; close() removes the others.
    for (const remove of removals.slice(0, count / 2)) void remove()
    await config.close()
    expect(cpuMs() - before).toBeLessThan(MOST_MS)
  }, 140_000)
}

test('many waits with one signal of the caller cost linearly too, and leave no listener on it', async () => {
  const config = await definition.load({ sources: [memory({})], logger: false })
  const given = new AbortController()
  const before = cpuMs()
  const waits = Array.from({ length: 18_000 }, () => config.changed({ signal: given.signal }))
  given.abort()
  const results = await Promise.allSettled(waits)
  expect(results.every((result) => result.status === 'rejected' && result.reason.code === 'aborted')).toBe(
    true,
  )
  expect(cpuMs() - before).toBeLessThan(MOST_MS)
  await config.close()
}, 140_000)

test('a listener that is added or removed while an event is emitted does not disturb the others', async () => {
  const source = memory({})
  const config = await definition.load({ sources: [source], logger: false })
  const calls: string[] = []
  const second = () => calls.push('second')
  config.on('change', () => {
    calls.push('first')
    config.off('change', second)
    config.once('change', () => calls.push('added'))
  })
  config.on('change', second)
  config.on('change', () => calls.push('third'))
  source.set({ a: 1 })
  expect(calls).toEqual(['first', 'third'])
  source.set({ a: 2 })
  expect(calls).toEqual(['first', 'third', 'first', 'third', 'added'])
  await config.close()
})
