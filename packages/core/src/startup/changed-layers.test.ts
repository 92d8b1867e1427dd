import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { LivetreeError } from '../errors.ts'
import type { LayerInfo, Leaf } from '../source/source.ts'
import { createManualSource } from '../testing/manual-source.ts'
import { createTestClock } from '../testing/test-clock.ts'

const folder = mkdtempSync(join(tmpdir(), 'livetree-layers-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0

const texts = z.record(z.string(), z.string()).default({})
const shop = defineConfig({
  name: 'shop',
  schema: z.object({ a: texts, b: texts, c: texts, other: texts, port: z.number().default(0) }),
})

/** A layer named by a letter; its leaves are below the same letter, or at another place. */
const layer = (name: string, at = name): LayerInfo => ({
  name,
  at,
  keyPrefix: `/${name}/`,
  separator: '/',
  naming: 'exact',
})
const [A, B, C] = [layer('a'), layer('b'), layer('c')]

const leaves = (count: number, from = 0): Leaf[] =>
  Array.from({ length: count }, (_, index) => ({ path: `k${from + index}`, value: 'v', revision: 1 }))

/** One process after another on one machine, each with layers of its own. */
function machine() {
  const path = join(folder, `${++files}.snapshot`)
  const clock = createTestClock()
  const start = async (
    layers: readonly LayerInfo[],
    { has, isAway = false }: { has: (name: string) => readonly Leaf[]; isAway?: boolean },
  ) => {
    const store = createManualSource({ name: 'store', layers })
    const loading = shop.load({
      sources: [store],
      startup: { onUnavailable: isAway ? 'snapshot' : 'fail', timeoutMs: 1_000 },
      snapshot: { path, intervalMs: 0 },
      clock,
      logger: false,
    })
    if (isAway) await clock.advance(1_000)
    else {
      const held = layers.map(({ name }) => has(name))
      store.sink.replace({ revision: 10 + files, epoch: 0, store: 'a store', layers: held })
    }
    return { config: await loading, store }
  }
  return { clock, start }
}

const codesOf = (error: unknown) =>
  error instanceof LivetreeError ? error.issues.map(({ code }) => code) : error

describe('a start with other layers than the snapshot has', () => {
  it.each<[string, readonly LayerInfo[]]>([
    ['two of three are dropped', [A]],
    ['one of three is dropped', [C, A]],
    ['two are replaced', [A, layer('d', 'other'), layer('e', 'c')]],
    ['two are mounted elsewhere', [A, layer('b', 'c'), layer('c', 'b')]],
    ['all are in another order', [C, B, A]],
  ])('is one where a leaf is gone: %s', async (_name, layers) => {
    const { start } = machine()
    await (await start([A, B, C], { has: () => leaves(10) })).config.close()
    const { config } = await start(layers, { has: (name) => leaves(name === 'a' ? 9 : 10) })
    expect(config.status.rejected).toBeUndefined()
    expect(Object.keys(config.current.a)).toHaveLength(9)
    await config.close()
  })

  it.each<[string, readonly LayerInfo[]]>([
    ['alone', [A]],
    ['with another one, in another order', [B, A]],
    ['with new ones', [layer('d', 'other'), A, layer('e', 'c')]],
  ])('notices what a layer that is still read has lost: %s', async (_name, layers) => {
    const { start } = machine()
    await (await start([A, B, C], { has: () => leaves(10) })).config.close()
    const started = start(layers, { has: (name) => (name === 'a' || name === 'b' ? leaves(1) : []) })
    expect(codesOf(await started.catch((error: unknown) => error))).toContain('guard')
  })

  it('goes on with what each layer had lost before, by name and not by position', async () => {
    for (const [layers, isRefused] of [
      [[C, A], true],
      [[C, B], false],
    ] as const) {
      const { start } = machine()
      const { config, store } = await start([A, B, C], { has: () => leaves(10) })
      store.sink.patch({
        revision: 90,
        changes: leaves(9).map((leaf) => ({ layer: 0, leaf: { ...leaf, value: undefined, revision: 90 } })),
      })
      await config.refresh()
      expect(Object.keys(config.current.a)).toHaveLength(1)
      await config.close()
      // Nine of twenty were lost before; three more are too many only where those count.
      const started = start(layers, {
        has: (name) => (name === 'a' ? leaves(1, 9) : name === 'c' ? leaves(7) : leaves(10)),
      })
      const outcome = await started.catch((error: unknown) => codesOf(error))
      if (isRefused) expect(outcome).toEqual(['guard'])
      else await (outcome as Awaited<typeof started>).config.close()
    }
  })

  it('serves the snapshot where it has all layers that are read now', async () => {
    const { start } = machine()
    await (await start([A, B, C], { has: (name) => leaves(name === 'a' ? 3 : 5) })).config.close()
    const { config } = await start([C, A], { has: () => [], isAway: true })
    expect(config.status.servedFrom).toBe('snapshot')
    expect(
      [config.current.a, config.current.b, config.current.c].map((each) => Object.keys(each).length),
    ).toEqual([3, 0, 5])
    await config.close()
    const refused = start([A, layer('d', 'other')], { has: () => [], isAway: true })
    await expect(refused).rejects.toThrow('does not hold what source store holds now')
  })
})
