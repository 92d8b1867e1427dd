import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { createPipeline } from '../../packages/core/src/pipeline/create-pipeline.ts'
import type { Outcome, Pipeline } from '../../packages/core/src/pipeline/outcome.ts'
import { compileSchema } from '../../packages/core/src/schema/compile-schema.ts'
import type { LayerInfo, Leaf } from '../../packages/core/src/source/source.ts'

const schema = z.object({
  flags: z.record(z.string(), z.string()),
  db: z.object({ host: z.string().optional(), port: z.number().optional() }).loose(),
  sections: z.record(z.string(), z.record(z.string(), z.string())).optional(),
})
const PLAN = compileSchema(schema)
const LAYERS: readonly LayerInfo[] = ['base', 'prod'].map((name) => ({
  name,
  keyPrefix: `/${name}/`,
  separator: '/',
  naming: 'stored',
}))
const GUARD = { minRemoved: 3, windowMs: 1_000 }

type Tree = ReadonlyMap<string, string>
type Trees = readonly [Tree, Tree]

/** One revision of the store. */
interface Write {
  readonly keys: readonly (readonly [0 | 1, string, string | undefined])[]
  readonly isAllowed: boolean
  readonly laterMs: number
}

const path = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...Array.from({ length: 8 }, (_, index) => `flags/k${index}`)) },
  { weight: 2, arbitrary: fc.constantFrom('db/host', 'db/a', 'db/b', 'db/c', 'sections/a/x', 'flags/a%2Fb') },
  { weight: 1, arbitrary: fc.constantFrom('db/port', 'sections') },
)
const value = fc.oneof(
  { weight: 4, arbitrary: fc.constant(undefined) },
  { weight: 5, arbitrary: fc.constantFrom('1', '2') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('bad', '{"a": {}, "b": {}}', '{"a": {"x": "1"}, "b": {"y": "1"}}'),
  },
)
const any = fc.array(fc.tuple(fc.constantFrom(0 as const, 1 as const), path, value), { maxLength: 8 })
/** As a loop in a shell does. */
const single = fc.nat(7).map((index) => [[0 as const, `flags/k${index}`, undefined] as const])
const write: fc.Arbitrary<Write> = fc.record({
  keys: fc.oneof({ weight: 2, arbitrary: single }, { weight: 1, arbitrary: any }),
  isAllowed: fc.nat(5).map((chance) => chance === 0),
  laterMs: fc.constantFrom(0, 0, 10, 400, 1_500),
})
const first: Trees = [
  new Map(Array.from({ length: 8 }, (_, index) => [`flags/k${index}`, '1'])),
  new Map([
    ['db/host', 'x'],
    ['db/a', '1'],
  ]),
]

function after([base, prod]: Trees, { keys }: Write): Trees {
  const next = [new Map(base), new Map(prod)] as const
  for (const [layer, key, text] of keys) {
    if (text === undefined) next[layer].delete(key)
    else next[layer].set(key, text)
  }
  return next
}

const leavesOf = (tree: Tree): Leaf[] =>
  [...tree].map(([key, text]) => ({ path: key, value: text, revision: 1 }))

/** A process: what it serves, and what it would write to disk. */
class Process {
  readonly pipeline: Pipeline<unknown> = createPipeline(PLAN, [{ name: 'etcd', layers: LAYERS }], {
    guard: GUARD,
  })
  value: unknown = undefined
  isRejected = false
  good: Trees = [new Map(), new Map()]

  replace(trees: Trees, now: number, allowRemoval: boolean): void {
    const update = { revision: 1, epoch: 0, layers: trees.map(leavesOf), allowRemoval }
    this.pipeline.stage(0, { type: 'replace', update })
    this.#take(this.pipeline.evaluate({ now }), trees)
  }

  patch({ keys, isAllowed }: Write, trees: Trees, now: number): void {
    const changes = keys.map(([layer, key, text]) => ({
      layer,
      leaf: { path: key, value: text, revision: 1 },
    }))
    this.pipeline.stage(0, { type: 'patch', update: { revision: 1, changes, allowRemoval: isAllowed } })
    this.#take(this.pipeline.evaluate({ now }), trees)
  }

  /** The process after it, which has seen the tree this one served and its memory. */
  restarted(now: number): Process {
    const next = new Process()
    const state = { layers: this.good.map(leavesOf), memory: this.pipeline.guardMemory(0) }
    next.pipeline.compareWith(new Map([[0, state]]), now)
    next.value = this.value
    next.good = this.good
    return next
  }

  #take(outcome: Outcome<unknown>, trees: Trees): void {
    this.isRejected = outcome.type === 'rejected'
    if (outcome.type === 'rejected') return
    this.value = outcome.value
    this.good = trees
  }
}

test('a process that restarts at any moment serves and refuses what one that runs does', () => {
  const property = fc.property(
    fc.array(write, { minLength: 1, maxLength: 25 }),
    fc.infiniteStream(fc.nat(3).map((chance) => chance === 0)),
    (writes, restarts) => {
      const running = new Process()
      let restarting = new Process()
      let trees = first
      let now = 0
      /** Since the tree that is served: the tree before each, and the one with it. */
      let permissions: (readonly [Trees, Trees])[] = []
      running.replace(trees, now, false)
      restarting.replace(trees, now, false)
      for (const each of writes) {
        now += each.laterMs
        const next = after(trees, each)
        running.patch(each, next, now)
        if (each.isAllowed) permissions.push([trees, next])
        if (restarts.next().value) {
          // It goes away before the write, and finds it done. As the source does, it hears of each permission since the
          // tree it served: of the tree before, then of the tree with it.
          restarting = restarting.restarted(now)
          for (const [before, at] of permissions) {
            restarting.replace(before, now, false)
            restarting.replace(at, now, true)
          }
          restarting.replace(next, now, false)
        } else restarting.patch(each, next, now)
        trees = next
        if (!running.isRejected) permissions = []
        expect([restarting.isRejected, restarting.value]).toEqual([running.isRejected, running.value])
      }
      // An operator says yes: whatever it was, a tree that is valid is served.
      const yes = { keys: [], isAllowed: true, laterMs: 0 }
      running.patch(yes, trees, now)
      const isValid = createPipeline<unknown>(PLAN, [{ name: 'etcd', layers: LAYERS }], { guard: false })
      isValid.stage(0, { type: 'replace', update: { revision: 1, epoch: 0, layers: trees.map(leavesOf) } })
      expect(running.isRejected).toBe(isValid.evaluate().type === 'rejected')
    },
  )
  fc.assert(property, { numRuns: 600 })
})
