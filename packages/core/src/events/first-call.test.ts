import { expect, it } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import type { LiveConfig } from '../live-config.ts'
import { live } from '../resource/live-value.ts'
import type { Resource } from '../resource/resource-options.ts'
import { memory } from '../source/memory.ts'

type Value = z.output<typeof schema>

const schema = z.object({ a: z.number().default(0), b: z.number().default(0) })
const definition = defineConfig({ name: 'shop', schema })
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Starts to follow `a`; calls `climb` from the code that is called first. Returns what it was called with last. */
type Follow = (config: LiveConfig<Value>, climb: (a: number) => number) => () => unknown

function currentOf(built: Promise<Resource<number>>): () => unknown {
  let resource: Resource<number> | undefined
  const kept = built.then((made) => {
    resource = made
  })
  kept.catch(() => {})
  return () => resource?.current
}

const FOLLOWERS: Record<string, Follow> = {
  'the handler of watch, at once': (config, climb) => {
    let last: unknown
    config.watch(
      (c) => c.a,
      (next) => {
        last = climb(next)
      },
      { immediate: true },
    )
    return () => last
  },
  'the handler of watch, with a promise': (config, climb) => {
    let last: unknown
    config.watch(
      (c) => c.a,
      async (next) => {
        last = next
        await turn()
        climb(next)
      },
      { immediate: true },
    )
    return () => last
  },
  'the selector of watch': (config, climb) => {
    let last: unknown
    const handler = (next: number) => {
      last = next
    }
    config.watch((c) => climb(c.a), handler, { immediate: true })
    return () => last
  },
  'create of a resource': (config, climb) => {
    return currentOf(config.resource((c) => c.a, { create: climb }))
  },
  'the selector of a resource': (config, climb) => {
    return currentOf(config.resource((c) => climb(c.a), { create: (a) => a }))
  },
  'the factory of live': (config, climb) => {
    const value = live(config, (c) => c.a, climb)
    return () => value.current
  },
  'the selector of live': (config, climb) => {
    const value = live(
      config,
      (c) => climb(c.a),
      (a) => a,
    )
    return () => value.current
  },
}

it.each(
  Object.entries(FOLLOWERS).flatMap(([who, follow]) => [1, 2, 5].map((last) => ({ who, follow, last }))),
)(
  '$who changes the configuration in its first call, up to $last, and is called for the newest state',
  async ({ follow, last }) => {
    const source = memory({})
    const config = await definition.load({ sources: [source], logger: false })
    const climb = (a: number) => {
      if (a < last) source.set({ a: a + 1 })
      return a
    }
    const seen = follow(config, climb)
    for (let i = 0; i <= last; i++) await turn()
    expect([seen(), config.current.a]).toEqual([last, last])
    source.set({ a: 9 })
    for (let i = 0; i < 3; i++) await turn()
    expect(seen()).toBe(9)
    await config.close()
  },
)
