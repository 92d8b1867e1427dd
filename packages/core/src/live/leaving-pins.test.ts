import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { memory } from '../source/memory.ts'
import { live } from '../resource/live-value.ts'
import { createTestConfig } from '../testing/create-test-config.ts'

const definition = defineConfig({ name: 'pins', schema: z.object({ n: z.number().default(1) }) })

describe('what an update inside a pinned request starts', () => {
  it.each<[string, boolean]>([
    ['by a source', false],
    ['by a nested pin', true],
  ])('runs outside of the pin: %s', async (_what, isNested) => {
    const source = memory({ n: 1 })
    const config = await definition.load({ sources: [source], logger: false })
    const seen: [string, number, number][] = []
    const look = (where: string) => seen.push([where, config.pinned().n, config.current.n])
    config.on('change', () => look('on'))
    config.on('rejected', () => look('rejected'))
    config.on('error', () => look('error'))
    config.watch(
      ({ n }) => n,
      () => look('watch'),
    )
    const create = async (n: number) => {
      look('create')
      return {
        n,
        later: () => new Promise<number>((resolve) => setImmediate(() => resolve(config.pinned().n))),
      }
    }
    const made = Promise.withResolvers<Promise<number>>()
    const resource = await config.resource(({ n }) => n, {
      create: async (n) => {
        const pool = await create(n)
        if (n === 2) made.resolve(pool.later())
        return pool
      },
      dispose: () => void look('dispose'),
    })
    const update = () => {
      source.set({ n: 2 })
      source.set({ n: 'bad' })
      source.set({ n: 2 })
    }
    await config.runPinned(async () => {
      if (isNested) config.runPinned(update)
      else update()
      expect(config.pinned().n).toBe(1)
      await made.promise
      expect(config.pinned().n).toBe(1)
    })
    expect(await made.promise).toBe(2)
    await resource.close()
    expect(new Set(seen.map(([where]) => where))).toEqual(
      new Set(['on', 'rejected', 'watch', 'create', 'dispose']),
    )
    expect(seen.filter(([, pinned, current]) => pinned !== current)).toEqual([])
    await config.close()
  })

  it('holds for whatever a request asks for that outlives it', async () => {
    const config = await createTestConfig(definition, { n: 1 })
    const pinned = config.snapshot()
    config.set({ n: 2 })
    const seen: [string, Promise<number>][] = []
    /** What is pinned now, and in what is started here. */
    const look = <R>(where: string, result?: R) => {
      const later = new Promise<number>((resolve) => setImmediate(() => resolve(config.pinned().n)))
      seen.push([`${where}, at once`, Promise.resolve(config.pinned().n)], [`${where}, later`, later])
      return result as R
    }
    const values = config.runPinned(() => {
      const closed = ['made', 'closed by hand', 'closed by the configuration'].map((name) =>
        live(
          config,
          ({ n }) => look(`${name}: selector`, n),
          () => look(`${name}: factory`, name),
          {
            dispose: () => look(`${name}: dispose`),
            isEqual: (one, other) => look(`${name}: isEqual`, one === other),
          },
        ),
      )
      config.watch(
        ({ n }) => look('watch: selector', n),
        () => look('watch: handler'),
        { immediate: true },
      )
      expect(config.pinned().n).toBe(1)
      return closed
    }, pinned)
    config.runPinned(() => config.set({ n: 3 }), pinned)
    await config.runPinned(() => values[1]?.close(), pinned)
    await config.runPinned(() => config.close(), pinned)
    await Promise.all(values.map((value) => value.close()))
    const found = await Promise.all(seen.map(async ([where, value]) => [where, await value] as const))
    expect(new Set(found.map(([where]) => where)).size).toBe(28)
    expect(found.filter(([, n]) => n === 1)).toEqual([])
  })

  it('is what runUnpinned runs', async () => {
    const config = await createTestConfig(definition, { n: 1 })
    const pinned = config.snapshot()
    config.set({ n: 2 })
    const seen = config.runPinned(
      () => [config.pinned().n, config.runUnpinned(() => config.pinned().n), config.pinned().n],
      pinned,
    )
    expect(seen).toEqual([1, 2, 1])
    await config.close()
  })

  it('holds for a resource that a request asks for', async () => {
    const config = await createTestConfig(definition, { n: 1 })
    const snapshot = config.snapshot()
    config.set({ n: 2 })
    const seen = Promise.withResolvers<number>()
    await config.runPinned(
      () =>
        config.resource(({ n }) => n, {
          create: async (n) => {
            setImmediate(() => seen.resolve(config.pinned().n))
            return n
          },
        }),
      snapshot,
    )
    expect(await seen.promise).toBe(2)
    await config.close()
  })
})
