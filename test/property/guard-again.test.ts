import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { createPipeline } from '../../packages/core/src/pipeline/create-pipeline.ts'
import { storedLayer } from '../../packages/core/src/pipeline/staged.test.kit.ts'
import { compileSchema } from '../../packages/core/src/schema/compile-schema.ts'
import { propertyRuns } from './property-runs.ts'
import { expectShare } from '../support/expect-share.ts'

const RUNS = propertyRuns(1, 0.2)

const compiled = compileSchema(
  z.object({
    flags: z.record(z.string(), z.string()).default({}),
    port: z.number().default(1),
    other: z.number().default(0),
  }),
)
const overlay = fc.nat(1)
const range = fc.tuple(fc.constantFrom(0, 5, 10, 15, 20), fc.integer({ min: 1, max: 16 }))

/** What one revision does to some keys: `to` is undefined where they are removed. */
interface Edit {
  readonly from: number | undefined
  readonly to: number | undefined
  readonly range: readonly [number, number]
}
interface Step {
  readonly edits: readonly Edit[]
  readonly port: string | undefined
  readonly document: string | undefined
  readonly allowRemoval: boolean | readonly number[]
  readonly laterMs: number
}

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ from: overlay, to: fc.constant(undefined), range }),
  fc.record({ from: fc.constant(undefined), to: overlay, range }),
  // A move, the one way or the other.
  fc.tuple(overlay, range).map(([from, keys]) => ({ from, to: 1 - from, range: keys })),
)
/** The first tree: ten keys of the one, and sixteen of the other. */
const FIRST: Step = {
  edits: [
    { from: undefined, to: 0, range: [0, 10] },
    { from: undefined, to: 1, range: [10, 16] },
  ],
  port: '1',
  document: undefined,
  allowRemoval: false,
  laterMs: 0,
}
const step: fc.Arbitrary<Step> = fc.record({
  edits: fc.array(edit, { minLength: 0, maxLength: 3 }),
  port: fc.constantFrom(undefined, undefined, undefined, '1', 'ten'),
  document: fc.constantFrom(undefined, undefined, undefined, undefined, '{"k0": "1"}', '{"k0": ', 'none'),
  allowRemoval: fc.constantFrom<(boolean | readonly number[])[]>(false, false, true, [0], [1]),
  laterMs: fc.constantFrom(0, 1_000, 300_000),
})

/** A store of two directories with a command each, and what another source writes. */
function newWorld() {
  const layers = ['base', 'prod'].map((name) => ({ ...storedLayer(name), removalCommand: `allow ${name}` }))
  const sources = [
    { name: 'store', layers },
    { name: 'own', layers: [storedLayer('own')] },
  ]
  const pipeline = createPipeline<unknown>(compiled, sources, { guard: { minRemoved: 3 } })
  const there = [new Set<string>(), new Set<string>()]
  let now = 0
  let revision = 0
  const answerOf = (outcome: { readonly type: string; readonly issues?: unknown }) =>
    outcome.type === 'rejected' || outcome.type === 'invalid' ? outcome.issues : 'valid'

  return {
    take({ edits, port, document, allowRemoval, laterMs }: Step) {
      now += laterMs
      revision++
      const written = new Map<string, string | undefined>()
      for (const {
        from,
        to,
        range: [first, count],
      } of edits) {
        for (let index = first; index < first + count; index++) {
          const path = `flags/k${index}`
          if (from !== undefined && to !== undefined && !there[from]!.has(path)) continue
          if (from !== undefined) written.set(`${from}${path}`, undefined)
          if (to !== undefined) written.set(`${to}${path}`, '1')
        }
      }
      if (port !== undefined) written.set('0port', port)
      if (document !== undefined) written.set('0flags', document === 'none' ? undefined : document)
      const changes = [...written].map(([name, value]) => {
        const layer = Number(name[0])
        const path = name.slice(1)
        if (value === undefined) there[layer]!.delete(path)
        else there[layer]!.add(path)
        return { layer, leaf: { path, value, revision } }
      })
      pipeline.stage(0, { type: 'patch', update: { revision, changes, allowRemoval } })
      return answerOf(pipeline.evaluate({ now }))
    },
    /** The same tree, asked once more. */
    preview: () => answerOf(pipeline.preview([], now)),
    evaluate: () => answerOf(pipeline.evaluate({ now })),
    /** With a write of another source that has nothing to do with it. */
    afterUnrelated(value: number) {
      const changes = [{ layer: 0, leaf: { path: 'other', value: `${value}`, revision: value } }]
      pipeline.stage(1, { type: 'patch', update: { revision: value, changes } })
      return answerOf(pipeline.evaluate({ now }))
    },
  }
}

const isGuarded = (answer: unknown) => JSON.stringify(answer).includes('"guard"')

test(`a tree gets the same answer however often it is asked about, also after an unrelated write (${RUNS} histories)`, () => {
  const seen = { valid: 0, guard: 0 }
  const property = fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
    const world = newWorld()
    for (const [index, each] of [FIRST, ...steps].entries()) {
      const answer = world.take(each)
      expect(world.preview()).toEqual(answer)
      expect(world.evaluate()).toEqual(answer)
      expect(world.afterUnrelated(index + 1)).toEqual(answer)
      if (answer === 'valid') seen.valid++
      else if (isGuarded(answer)) seen.guard++
    }
    // A permission put alone is for all that is gone.
    const nothing: Step = { ...FIRST, edits: [], port: undefined, allowRemoval: true }
    expect(isGuarded(world.take(nothing))).toBe(false)
  })
  fc.assert(property, { numRuns: RUNS })
  expectShare('guard', seen.guard, { of: RUNS, typical: 0.12 })
  expectShare('valid', seen.valid, { of: RUNS, typical: 2.4 })
})
