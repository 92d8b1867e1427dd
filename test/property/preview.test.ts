import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type * as z from 'zod/v4/core'
import { LivetreeError } from '../../packages/core/src/errors.ts'
import { createPipeline } from '../../packages/core/src/pipeline/create-pipeline.ts'
import type { Outcome, Pipeline } from '../../packages/core/src/pipeline/outcome.ts'
import { compileSchema } from '../../packages/core/src/schema/compile-schema.ts'
import type { LayerInfo, PatchUpdate } from '../../packages/core/src/source/source.ts'
import { arbitrarySchema, arbitraryText, type ArbitrarySchema } from './arbitrary-schema.ts'
import { completeTree } from './differential-oracle.ts'
import { propertyRuns } from './property-runs.ts'

/** Each case judges some forty trees, twice. */
const RUNS = propertyRuns(0.4, 0.15)
/** Drawn in each run alike, beside the random ones: all kinds of answers are among them. */
const SAME_CASES = { numRuns: 7, seed: 9 }

const stored = (name: string): LayerInfo => ({
  name,
  keyPrefix: `/${name}/`,
  separator: '/',
  naming: 'stored',
})
const environment: LayerInfo = { name: 'env', keyPrefix: 'APP_', separator: '__', naming: 'env' }
const sources = [
  { name: 'store', layers: [stored('base'), stored('prod')] },
  { name: 'env', layers: [environment] },
]

interface Step {
  readonly source: number
  readonly edits: readonly { readonly layer: number; readonly path: string; readonly value: unknown }[]
  readonly allowRemoval: boolean
  readonly isPreviewed: boolean
  readonly isMade: boolean
  /** Takes back all that was written to the source, in place of the edits. */
  readonly isUndone: boolean
  readonly laterMs: number
}

const NAMES = ['x', 'y', '0', '1', 'port', 'xY', 'x-y', 'a%2Fb', '__proto__', 'toJSON', '%'] as const

function arbitraryStep(schema: ArbitrarySchema): fc.Arbitrary<Step> {
  const spot = fc.constantFrom(...schema.spots)
  const place = fc.oneof(
    { weight: 5, arbitrary: spot },
    {
      weight: 3,
      arbitrary: fc
        .tuple(spot, fc.constantFrom(...NAMES))
        .map(([{ path, texts }, last]) => ({ path: [...path, last], texts })),
    },
    { weight: 1, arbitrary: fc.constantFrom(...NAMES).map((name) => ({ path: [name], texts: [] })) },
  )
  const edit = (source: number) =>
    place.chain(({ path, texts }) =>
      fc.record({
        layer: source === 0 ? fc.nat(1) : fc.constant(0),
        path: fc.constant(source === 0 ? path.join('/') : path.map((name) => name.toUpperCase()).join('__')),
        value: fc.oneof(
          { weight: texts.length > 0 ? 8 : 0, arbitrary: fc.constantFrom(...texts, '') },
          { weight: 2, arbitrary: arbitraryText },
          { weight: 4, arbitrary: fc.constant(undefined) },
          {
            weight: 2,
            arbitrary: fc.constantFrom(
              'livetree:remove',
              'livetree:empty',
              '{"x":"1","y":{"port":2}}',
              '[1,2]',
            ),
          },
        ),
      }),
    )
  const removal = spot.map(({ path }) => ({ layer: 0, path: path.join('/'), value: undefined }))
  const edits = (source: number) =>
    fc.oneof(
      { weight: 3, arbitrary: fc.array(edit(source), { minLength: 1, maxLength: 4 }) },
      { weight: source === 0 ? 2 : 0, arbitrary: fc.array(removal, { minLength: 1, maxLength: 8 }) },
    )
  return fc.constantFrom(0, 0, 0, 1).chain((source) =>
    fc.record({
      source: fc.constant(source),
      edits: edits(source),
      isUndone: fc.constantFrom(true, false),
      allowRemoval: fc.constantFrom(false, false, false, true),
      isPreviewed: fc.constantFrom(true, true, true, false),
      isMade: fc.constantFrom(true, true, false),
      laterMs: fc.constantFrom(0, 0, 10, 1_000),
    }),
  )
}

const arbitraryCase = arbitrarySchema.chain((schema) =>
  fc.record({
    schema: fc.constant(schema),
    unused: fc.constantFrom('warn', 'warn', 'reject' as const),
    naming: fc.constantFrom('exact', 'kebab-case' as const),
    steps: fc.array(arbitraryStep(schema), { minLength: 2, maxLength: 20 }),
  }),
)

/** Everything that a pipeline shows of what it holds. */
function shown(pipeline: Pipeline<unknown>, { spots }: ArbitrarySchema): unknown {
  return {
    leaves: sources.map((_, source) => pipeline.leaves(source, { withSecrets: true })),
    guard: sources.map((_, source) => pipeline.guardMemory(source)),
    allowed: sources.map((_, source) => pipeline.allowedRemovals(source)),
    explained: spots.map(({ path }) => pipeline.explain([...path])),
  }
}

const withoutValue = ({ type, unused, ...rest }: Outcome<unknown>) => ({
  type,
  unused,
  issues: 'issues' in rest ? rest.issues : [],
  value: 'value' in rest ? rest.value : undefined,
})

test(`preview says what then happens, and leaves no trace (${RUNS} cases)`, () => {
  const seen = { accepted: 0, unchanged: 0, rejected: 0, guard: 0, unmade: 0 }
  const property = fc.property(arbitraryCase, ({ schema, unused, naming, steps }) => {
    const create = () => {
      const guard = { minRemoved: 1, maxRemovedShare: 0.3, windowMs: 500 }
      const compiled = compileSchema(schema.schema as z.$ZodType, { naming })
      return createPipeline<unknown>(compiled, sources, { unused, guard, isRenamed: naming !== 'exact' })
    }
    let pipeline: Pipeline<unknown>
    let twin: Pipeline<unknown>
    try {
      pipeline = create()
      twin = create()
    } catch (error) {
      if (error instanceof LivetreeError && error.code === 'name_clash') return
      throw error
    }
    const tree = completeTree(schema).map(({ path, value }) => ({ path, value, revision: 1 }))
    for (const each of [pipeline, twin]) {
      each.stage(0, { type: 'replace', update: { revision: 1, epoch: 0, layers: [tree, []] } })
      each.stage(1, { type: 'replace', update: { revision: 1, epoch: 0, layers: [[]] } })
    }
    const [first] = [pipeline.evaluate(), twin.evaluate()]
    let current = first?.type === 'rejected' ? undefined : first?.value
    let revision = 1
    let now = 0
    const written = sources.map(() => new Map<string, { readonly layer: number; readonly path: string }>())
    for (const { source, edits, allowRemoval, isPreviewed, isMade, isUndone, laterMs } of steps) {
      now += laterMs
      revision++
      const former = ({ layer, path }: { readonly layer: number; readonly path: string }) =>
        source === 0 && layer === 0 ? tree.find((leaf) => leaf.path === path)?.value : undefined
      const undo = [...(written[source]?.values() ?? [])].map((each) => ({ ...each, value: former(each) }))
      const made = isUndone && undo.length > 0 ? undo : edits
      const changes = made.map(({ layer, path, value }) => ({ layer, leaf: { path, value, revision } }))
      const update: PatchUpdate = { revision, changes, ...(allowRemoval && { allowRemoval }) }
      const before = isPreviewed ? shown(pipeline, schema) : undefined
      const preview = isPreviewed ? pipeline.preview([{ source, update }], now) : undefined
      if (isPreviewed) expect(shown(pipeline, schema)).toEqual(before)
      if (!isMade) {
        seen.unmade++
        continue
      }
      for (const { layer, path } of made) written[source]?.set(`${layer} ${path}`, { layer, path })
      const outcomes = [pipeline, twin].map((each) => {
        each.stage(source, { type: 'patch', update })
        return each.evaluate({ now })
      })
      const [outcome, other] = outcomes
      if (outcome === undefined || other === undefined) throw new Error('two pipelines have two outcomes')
      expect(withoutValue(outcome)).toEqual(withoutValue(other))
      expect(shown(pipeline, schema)).toEqual(shown(twin, schema))
      seen[outcome.type]++
      if (outcome.type === 'rejected' || other.type === 'rejected') {
        if (outcome.type !== 'rejected') throw new Error('two pipelines differ')
        if (outcome.issues.some(({ code }) => code === 'guard')) seen.guard++
        if (preview !== undefined) {
          const { issues } = outcome
          expect(preview).toEqual({ type: 'invalid', issues, unused: outcome.unused })
        }
        continue
      }
      if (preview !== undefined) {
        const difference = current === undefined ? [] : pipeline.diff(current, outcome.value)
        expect(preview).toEqual({
          type: 'valid',
          changes: difference,
          needsRestart: [],
          unused: outcome.unused,
        })
      }
      current = outcome.value
      expect(isDeepStrictEqual(current, other.value)).toBe(true)
    }
  })
  fc.assert(property, SAME_CASES)
  for (const [answer, count] of Object.entries(seen)) expect(count, answer).toBeGreaterThan(0)
  fc.assert(property, { numRuns: RUNS })
})
