import { inspect } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { core } from 'zod'
import { createPipeline } from '../../packages/core/src/pipeline/create-pipeline.ts'
import { type LeafList, leafList } from '../../packages/core/src/pipeline/leaf-list.ts'
import type { Outcome } from '../../packages/core/src/pipeline/outcome.ts'
import { compileSchema } from '../../packages/core/src/schema/compile-schema.ts'
import { type Leaf, Unreadable } from '../../packages/core/src/source/source.ts'
import {
  type ArbitrarySchema,
  arbitrarySchema,
  arbitraryText,
  arbitraryTyped,
  type Spot,
} from './arbitrary-schema.ts'
import { propertyRuns } from './property-runs.ts'
import { completeTree, type Edit, LAYERS } from './differential-oracle.ts'
import { expectShare } from '../support/expect-share.ts'

const RUNS = propertyRuns(1 / 2, 0.25)

const strange = fc.array(
  fc.constantFrom('a', 'b', 'x', '0', '1', 'port', 'stranger', '__proto__', 'x%41', '%2F', ''),
  { maxLength: 4 },
)

/** Texts that fit where they are put, and much that does not: keys nobody knows, documents over keys, what cannot be read. */
const editOf = (schema: ArbitrarySchema): fc.Arbitrary<Edit> => {
  const known = fc.constantFrom(...schema.spots)
  const place: fc.Arbitrary<Spot> = fc.oneof(
    { weight: 5, arbitrary: known },
    { weight: 2, arbitrary: strange.map((path) => ({ path, texts: [] })) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(known, strange)
        .map(([spot, more]) => ({ path: [...spot.path, ...more], texts: [] })),
    },
  )
  return place.chain(({ path, texts }) =>
    fc.record({
      layer: fc.nat(LAYERS.length - 1),
      path: fc.constant(path.join('/')),
      value: fc.oneof(
        { weight: texts.length > 0 ? 8 : 0, arbitrary: fc.constantFrom(...texts, '') },
        { weight: 2, arbitrary: arbitraryText },
        { weight: 2, arbitrary: arbitraryTyped },
        { weight: 1, arbitrary: fc.constant(new Unreadable('not UTF-8')) },
        { weight: 4, arbitrary: fc.constant(undefined) },
      ),
    }),
  )
}

const arbitraryCase = arbitrarySchema.chain((schema) =>
  fc.record({
    schema: fc.constant(schema),
    steps: fc.array(
      fc.record({
        isReplace: fc.boolean(),
        edits: fc.array(editOf(schema), { minLength: 1, maxLength: 4 }),
        prepared: fc.record({ count: fc.nat(4), isBegunAnew: fc.boolean() }),
      }),
      { minLength: 2, maxLength: 8 },
    ),
  }),
)

const pipelineOf = (schema: core.$ZodType) =>
  createPipeline<unknown>(
    compileSchema(schema),
    LAYERS.map((layer) => ({ name: layer.name, layers: [layer] })),
    { guard: false },
  )

test(`createPipeline: what it says depends on the tree, not on how the tree came about (${RUNS} cases)`, () => {
  fc.assert(
    fc.property(arbitraryCase, ({ schema, steps }) => {
      const grown = pipelineOf(schema.schema)
      const held = LAYERS.map(() => new Map<string, Leaf>())
      for (const [index, { isReplace, edits, prepared }] of steps.entries()) {
        const revision = index + 1
        const fresh = pipelineOf(schema.schema)
        if (prepared.isBegunAnew) stageEarly(fresh, held, prepared.count)
        for (const { layer, path, value } of edits) {
          const leaf = { path, value, revision }
          if (value === undefined) held[layer]!.delete(path)
          else held[layer]!.set(path, leaf)
          const changes = [{ layer: 0, leaf }]
          if (!isReplace) grown.stage(layer, { type: 'patch', update: { revision, changes } })
        }
        if (isReplace) replaceAll(grown, held, revision)
        replaceAll(fresh, held, revision, stageEarly(fresh, held, prepared.count))

        const outcome = grown.evaluate()
        expectSame(outcome, fresh.evaluate())
        for (const layer of held.keys()) {
          const leaves = (pipeline: typeof grown) => pipeline.leaves(layer, { withSecrets: true })[0]!
          expect(sorted(leaves(grown)), 'leaves').toEqual(sorted(leaves(fresh)))
        }
        for (const { path } of schema.spots) {
          // what the schema's defaults gave is told of the value in service, which a fresh one does not have yet
          const isRejected = outcome.type === 'rejected'
          const layers = (pipeline: typeof grown) =>
            pipeline.explain(path).layers.filter(({ origin }) => !isRejected || origin.source !== 'schema')
          expect(layers(grown), path.join('.')).toEqual(layers(fresh))
        }
      }
    }),
    { numRuns: RUNS },
  )
})

test(`createPipeline: updates judged together come to what they come to one by one, or leave nothing behind (${RUNS} cases)`, () => {
  const seen = { together: 0, apart: 0 }
  fc.assert(
    fc.property(arbitraryCase, ({ schema, steps }) => {
      const grown = pipelineOf(schema.schema)
      const single = pipelineOf(schema.schema)
      const leaves = (pipeline: typeof grown, layer: number) =>
        sorted(pipeline.leaves(layer, { withSecrets: true })[0]!)
      let revision = 1
      const changes = completeTree(schema).map(({ path, value }) => ({
        layer: 0,
        leaf: { path, value, revision },
      }))
      for (const pipeline of [grown, single]) {
        pipeline.stage(1, { type: 'patch', update: { revision, changes } })
        pipeline.evaluate()
      }
      for (const { edits } of steps) {
        const { layer } = edits[0]!
        const updates = edits.map(({ path, value }) => {
          revision++
          return { revision, changes: [{ layer: 0, leaf: { path, value, revision } }] }
        })
        const before = leaves(grown, layer)
        const outcome = grown.attempt(layer, updates)
        seen[outcome === undefined ? 'apart' : 'together']++
        if (outcome === undefined) expect(leaves(grown, layer), 'leaves').toEqual(before)
        for (const update of updates) {
          single.stage(layer, { type: 'patch', update })
          const expected = single.evaluate()
          if (outcome === undefined) {
            grown.stage(layer, { type: 'patch', update })
            expectSame(grown.evaluate(), expected)
          }
          const isLast = update.revision === revision
          if (!isLast) continue
          expect(expected.type === 'rejected').toBe(outcome === undefined)
          if (outcome !== undefined) expectSame(outcome, expected)
        }
        expect(leaves(grown, layer), 'leaves').toEqual(leaves(single, layer))
      }
    }),
    { numRuns: RUNS },
  )
  expectShare('together', seen.together, { of: RUNS, typical: 0.6 })
  expectShare('apart', seen.apart, { of: RUNS, typical: 4.3 })
})

type HeldLeaves = readonly ReadonlyMap<string, Leaf>[]

function replaceAll(
  pipeline: ReturnType<typeof pipelineOf>,
  held: HeldLeaves,
  revision: number,
  lists: readonly LeafList[] = held.map((leaves) => leafList([...leaves.values()])),
): void {
  for (const [layer, list] of lists.entries()) {
    const update = { revision, epoch: 0, layers: [list.leaves] }
    pipeline.stage(layer, { type: 'replace', update, lists: [list] })
  }
}

/** Hands over the first leaves of each layer early, twice; gives the lists when they have grown to all. */
function stageEarly(pipeline: ReturnType<typeof pipelineOf>, held: HeldLeaves, count: number): LeafList[] {
  return held.map((all, layer) => {
    const leaves: Leaf[] = []
    const list = leafList(leaves)
    for (const leaf of all.values()) {
      if (leaves.length === count || leaves.length === 2 * count) pipeline.stageEarly(layer, 0, list)
      leaves.push(leaf)
    }
    return list
  })
}

/** Byte for byte, the order included: of records and maps, of issues, of unused keys. */
function expectSame(outcome: Outcome<unknown>, other: Outcome<unknown>): void {
  expect(textOf(outcome.unused), 'unused').toBe(textOf(other.unused))
  expect(outcome.type === 'rejected').toBe(other.type === 'rejected')
  if (outcome.type === 'rejected' || other.type === 'rejected')
    expect(textOf(issuesOf(outcome)), 'issues').toBe(textOf(issuesOf(other)))
  else expect(textOf(outcome.value)).toBe(textOf(other.value))
}

const textOf = (value: unknown) =>
  inspect(value, { depth: null, maxArrayLength: null, maxStringLength: null, breakLength: 200 })

const issuesOf = (outcome: Outcome<unknown>) => (outcome.type === 'rejected' ? outcome.issues : [])

const sorted = (items: readonly unknown[]) =>
  items
    .map((item) => JSON.stringify(item, (_key, value) => (typeof value === 'bigint' ? `${value}n` : value)))
    .sort()
