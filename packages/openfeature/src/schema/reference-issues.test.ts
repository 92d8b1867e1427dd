import type { Logger } from '@openfeature/server-sdk'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FlagdFormat } from '../flags/flagd-flags.ts'
import { flagSetSchema } from './index.ts'
import { referenceIssues } from './reference-issues.ts'

const NODES = 14

/** Each evaluator of a graph refers to those of its list; the names of all are shuffled. */
const graph = fc.record({
  links: fc.array(fc.record({ isChained: fc.boolean(), other: fc.nat(NODES * 6) }), {
    minLength: NODES,
    maxLength: NODES,
  }),
  mostlyChained: fc.boolean(),
  names: fc.shuffledSubarray([...'abcdefghijklmn'], { minLength: NODES, maxLength: NODES }),
  order: fc.shuffledSubarray([...Array(NODES).keys()], { minLength: NODES, maxLength: NODES }),
})

/** The most steps of references from a rule, each way there walked on its own; Infinity where one leads back. */
function stepsFrom(node: number, links: readonly number[][], above: readonly number[] = []): number {
  if (above.includes(node)) return Number.POSITIVE_INFINITY
  return Math.max(0, ...(links[node] ?? []).map((next) => 1 + stepsFrom(next, links, [...above, node])))
}

test('referenceIssues: refuses each rule by its own steps, in whatever order they stand', () => {
  fc.assert(
    fc.property(graph, ({ links: given, mostlyChained, names, order }) => {
      const links = given.map(({ isChained, other }, node) => [
        ...(node > 0 && (isChained || mostlyChained) ? [node - 1] : []),
        ...(other < NODES ? [other] : []),
      ])
      const rule = (node: number) => ({
        and: [1, ...(links[node] ?? []).map((next) => ({ $ref: names[next] }))],
      })
      const evaluators = Object.fromEntries(order.map((node) => [names[node], rule(node)]))
      const flags = Object.fromEntries(
        order.map((node) => [`f-${names[node]}`, { targeting: { '!': [{ $ref: names[node] }] } }]),
      )
      const refused = referenceIssues(flags, evaluators).map(({ path }) => path[1])
      const steps = order.map((node) => ({ name: names[node], steps: stepsFrom(node, links) }))
      expect(refused).toEqual([
        ...steps.filter((each) => each.steps > 10).map(({ name }) => name),
        ...steps.filter((each) => each.steps + 1 > 10).map(({ name }) => `f-${name}`),
      ])
    }),
    { numRuns: 300 },
  )
})

/** A rule of as many levels as a document may have, with another in its middle. */
function deep(inner: unknown): unknown {
  let rule = inner
  for (let level = 0; level < 45; level++) rule = { '!': [rule] }
  return rule
}

test.each([
  ['rising', (n: number) => n],
  ['falling', (n: number) => 9 - n],
] as const)(
  'what is accepted can be evaluated: the longest chain of the deepest rules, names %s',
  (_, place) => {
    const name = (n: number) => `e${place(n)}`
    const chain = Array.from({ length: 10 }, (_, n): [string, unknown] => [
      name(n),
      deep(n === 0 ? { '==': [{ var: 'a' }, 1] } : { $ref: name(n - 1) }),
    ])
    const set = flagSetSchema.parse({
      flags: {
        f: {
          state: 'ENABLED',
          variants: { on: true, off: false },
          targeting: { if: [{ $ref: name(9) }, 'on', 'off'] },
        },
      },
      $evaluators: Object.fromEntries(chain.toSorted(([one], [other]) => (one < other ? -1 : 1))),
    })
    const flags = new FlagdFormat({ requireTargetingKey: false }).open(set)
    const ask = (a: number) =>
      flags.resolve({ type: 'boolean', key: 'f', defaultValue: false, context: { a }, logger: silent }).value
    expect([ask(1), ask(2)]).toEqual([true, false])
  },
)

test.each([20_000])('a chain of %i evaluators is refused, and not by an exception', (count) => {
  const chain = Array.from({ length: count }, (_, n): [string, unknown] => [
    `e${n}`,
    { '!': [n === 0 ? 1 : { $ref: `e${n - 1}` }] },
  ])
  for (const entries of [chain, chain.toReversed()])
    expect(referenceIssues({}, Object.fromEntries(entries))).toHaveLength(count - 11)
})

const silent: Logger = { error() {}, warn() {}, info() {}, debug() {} }
