import { inspect, isDeepStrictEqual } from 'node:util'
import {
  completeTree,
  createPipelineForTest,
  type Edit,
  type Held,
  inputOfHeld,
  LAYERS,
} from './differential-oracle.ts'
import { propertyRuns } from './property-runs.ts'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { arbitrarySchema, arbitraryText, arbitraryTyped, type ArbitrarySchema } from './arbitrary-schema.ts'
import { expectShare } from '../support/expect-share.ts'

/** `LIVETREE_PROPERTY_RUNS=200000 npx vitest run test/property` is the longer mode. */
const RUNS = propertyRuns(1, 0.35)

/** Mostly texts that fit the place, so that trees are often valid; sometimes anything. */
const editOf = (schema: ArbitrarySchema): fc.Arbitrary<Edit> => {
  const anywhere = fc.array(fc.constantFrom('a', 'x', '0', 'stranger', '__proto__'), { maxLength: 3 })
  const place = fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...schema.spots) },
    { weight: 1, arbitrary: anywhere.map((path) => ({ path, texts: [] })) },
  )
  return place.chain(({ path, texts }) =>
    fc.record({
      layer: fc.nat(LAYERS.length - 1),
      path: fc.constant(path.join('/')),
      value: fc.oneof(
        { weight: texts.length > 0 ? 12 : 0, arbitrary: fc.constantFrom(...texts, '') },
        { weight: 1, arbitrary: arbitraryText },
        { weight: 1, arbitrary: arbitraryTyped },
        { weight: 3, arbitrary: fc.constant(undefined) },
      ),
    }),
  )
}

const arbitraryCase = arbitrarySchema.chain((schema) =>
  fc.record({
    schema: fc.constant(schema),
    first: fc.oneof(
      fc.constant(completeTree(schema)),
      fc.array(editOf(schema), { minLength: 1, maxLength: 4 }),
    ),
    later: fc.array(
      fc.record({ isReplace: fc.boolean(), edits: fc.array(editOf(schema), { minLength: 1, maxLength: 3 }) }),
      { minLength: 2, maxLength: 8 },
    ),
  }),
)

test(`createPipeline: evaluating edit by edit equals a full zod parse, and unchanged parts keep their identity (${RUNS} cases)`, () => {
  const seen = { accepted: 0, rejected: 0, unchanged: 0 }
  fc.assert(
    fc.property(arbitraryCase, ({ schema, first, later }) => {
      const pipeline = createPipelineForTest(schema.schema)
      const held: Held = LAYERS.map(() => new Map())
      let current: unknown
      for (const batch of [{ isReplace: false, edits: first }, ...later]) {
        pipeline.apply(batch.edits, held, batch.isReplace)
        const outcome = pipeline.evaluate()
        seen[outcome.type]++
        const full = inputOfHeld(schema.schema, held)
        if (full.isBroken) {
          expect(outcome.type).toBe('rejected')
          continue
        }
        const parsed = z.core.safeParse(schema.schema, full.input)
        expect(outcome.type === 'rejected', describe(outcome, parsed)).toBe(!parsed.success)
        if (outcome.type === 'rejected') {
          const paths = (issues: readonly { path: readonly PropertyKey[] }[]) =>
            issues.map((issue) => issue.path.join('.')).sort()
          expect(paths(outcome.issues)).toEqual(paths(eachOnce(parsed.error!.issues)))
          continue
        }
        if (!isDeepStrictEqual(outcome.value, parsed.data)) expect(outcome.value).toEqual(parsed.data)
        expectShared(current, outcome.value, '$')
        expectFrozen(outcome.value, '$')
        expect(outcome.type === 'unchanged').toBe(current === outcome.value)
        current = outcome.value
      }
    }),
    { numRuns: RUNS },
  )
  // a run in which nearly everything is refused would prove little
  expectShare('accepted', seen.accepted, { of: RUNS, typical: 0.5 })
  expectShare('rejected', seen.rejected, { of: RUNS, typical: 5 })
})

/** What both sides of an intersection say is said once. */
function eachOnce(issues: readonly z.core.$ZodIssue[]): readonly z.core.$ZodIssue[] {
  const idOf = (issue: z.core.$ZodIssue) =>
    inspect([issue.path, issue.code, issue.message, 'errors' in issue ? issue.errors : []], { depth: null })
  return [...new Map(issues.map((issue) => [idOf(issue), issue])).values()]
}

function describe(
  outcome: { type: string; issues?: unknown },
  parsed: { error?: { issues: unknown } },
): string {
  return `${outcome.type} ${JSON.stringify(outcome.issues)} against ${JSON.stringify(parsed.error?.issues)}`
}

/** Whatever is equal must be the same instance. */
function expectShared(before: unknown, after: unknown, at: string): void {
  if (
    typeof before !== 'object' ||
    typeof after !== 'object' ||
    before === null ||
    after === null ||
    before === after
  )
    return
  if (isDeepStrictEqual(before, after)) expect.fail(`${at} is equal and yet another instance`)
  if (Array.isArray(before) !== Array.isArray(after)) return
  for (const key of Object.keys(after)) {
    if (Object.hasOwn(before, key))
      expectShared(Reflect.get(before, key), Reflect.get(after, key), `${at}.${key}`)
  }
}

function expectFrozen(value: unknown, at: string): void {
  if (typeof value !== 'object' || value === null) return
  if (!Object.isFrozen(value)) expect.fail(`${at} is not frozen`)
  for (const key of Object.keys(value)) expectFrozen(Reflect.get(value, key), `${at}.${key}`)
}
