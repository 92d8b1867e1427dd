import type { FlagIssue, Place } from './flag-issue.ts'
import { referencesOf } from './rule-references.ts'
import { targetingIssues } from './targeting-issues.ts'

/** Shared rules by the names that flags refer to. */
export type Evaluators = Readonly<Record<string, unknown>>

/** A rule with its evaluators in place may have this many parts: with references, few words stand for very many. */
const MOST_PARTS = 10_000

/** Evaluators may refer to each other in this many steps: evaluation calls itself for each. */
const MOST_CHAINED = 10

/** What is wrong with the evaluators of a set of flags, and with the references to them. */
export function referenceIssues(
  flags: Readonly<Record<string, { readonly targeting?: unknown }>>,
  evaluators: Evaluators = {},
): FlagIssue[] {
  const names = Object.keys(evaluators)
  const shared = names.flatMap((name) => targetingIssues(evaluators[name], ['$evaluators', name]))
  if (shared.length > 0) return shared
  const sizes = new ExpandedSizes(evaluators)
  const ofEvaluators = names.flatMap((name) => ruleIssues(evaluators[name], ['$evaluators', name], sizes))
  const ofFlags = Object.entries(flags).flatMap(([key, { targeting }]) =>
    targeting === undefined ? NONE : ruleIssues(targeting, ['flags', key, 'targeting'], sizes),
  )
  return [...ofEvaluators, ...ofFlags]
}

function ruleIssues(rule: unknown, path: Place, sizes: ExpandedSizes): readonly FlagIssue[] {
  const { references } = referencesOf(rule)
  if (references.length === 0) return sizes.issuesOf(rule, path)
  const unknown = references.filter(({ name }) => !sizes.has(name))
  if (unknown.length === 0) return sizes.issuesOf(rule, path)
  return unknown.map(({ name, at }) => ({
    path: [...path, ...at],
    message: `There is no evaluator ${JSON.stringify(name)}`,
    unknown: { name, among: sizes.names },
  }))
}

const NONE: readonly FlagIssue[] = []

/** How large rules are with their evaluators in place. */
class ExpandedSizes {
  readonly names: readonly string[]
  readonly #evaluators: Evaluators
  /** `open` while an evaluator is counted: what leads back to it then refers to itself. */
  readonly #known = new Map<string, number | 'open'>()

  #open = 0

  constructor(evaluators: Evaluators) {
    this.#evaluators = evaluators
    this.names = Object.keys(evaluators)
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#evaluators, name)
  }

  issuesOf(rule: unknown, path: Place): readonly FlagIssue[] {
    const size = this.#sizeOf(rule)
    if (size <= MOST_PARTS) return NONE
    const isEndless = size === Number.POSITIVE_INFINITY
    const message = isEndless
      ? `An evaluator refers to itself, or to others in more than ${MOST_CHAINED} steps`
      : `With its evaluators in place, the rule may have ${MOST_PARTS} parts, not more`
    return [{ path, message }]
  }

  #sizeOf(rule: unknown): number {
    const { size, references } = referencesOf(rule)
    return references.reduce((sum, { name }) => sum + this.#sizeOfEvaluator(name), size)
  }

  #sizeOfEvaluator(name: string): number {
    const known = this.#known.get(name)
    if (known !== undefined) return known === 'open' ? Number.POSITIVE_INFINITY : known
    if (!this.has(name)) return 1
    if (this.#open >= MOST_CHAINED) return Number.POSITIVE_INFINITY
    this.#known.set(name, 'open')
    this.#open++
    const size = this.#sizeOf(this.#evaluators[name])
    this.#open--
    this.#known.set(name, size)
    return size
  }
}
