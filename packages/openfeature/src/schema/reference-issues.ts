import type { FlagIssue, Place } from './flag-issue.ts'
import { isVariant, noSuchVariant } from './flag-issues.ts'
import { referencesOf } from './rule-references.ts'
import { CONDITION, isKept, type Known, resultsOf } from './rule-results.ts'
import { targetingIssues } from './targeting-issues.ts'

/** Shared rules by the names that flags refer to. */
export type Evaluators = Readonly<Record<string, unknown>>

/** A rule with its evaluators in place may have this many parts: with references, few words stand for very many. */
const MOST_PARTS = 10_000

/** A rule may lead from evaluator to evaluator in this many steps: evaluation calls itself for each. */
const MOST_CHAINED = 10

/** A flag that may refer to evaluators. Without variants, their results are not looked at. */
interface ReferringFlag {
  readonly targeting?: unknown
  readonly variants?: Readonly<Record<string, unknown>>
}

/** What is wrong with the evaluators of a set of flags, and with the references to them. */
export function referenceIssues(
  flags: Readonly<Record<string, ReferringFlag>>,
  evaluators: Evaluators = NO_EVALUATORS,
): FlagIssue[] {
  const known = checked.get(evaluators) ?? new CheckedEvaluators(evaluators)
  checked.set(evaluators, known)
  if (known.areBroken) return [...known.issues]
  const issues = [...known.issues]
  // By names: of ten thousand flags, making a list of entries takes longer than all else.
  for (const key of Object.keys(flags)) {
    const flag = flags[key]
    if (flag?.targeting !== undefined && !known.isSound(flag))
      issues.push(...known.issuesOfFlag(flag, ['flags', key, 'targeting']))
  }
  return issues
}

const NO_EVALUATORS: Evaluators = {}

/** Parts of a configuration keep their identity until they change: what was found of flags holds while their evaluators do. */
const checked = new WeakMap<Evaluators, CheckedEvaluators>()

/** Evaluators, and the flags that were found to be valid with them. */
class CheckedEvaluators {
  readonly issues: readonly FlagIssue[]
  /** Whether one of them is no rule, so that nothing can be said of what refers to them. */
  readonly areBroken: boolean
  readonly #evaluators: Evaluators
  readonly #extents: ExpandedExtents
  readonly #literals = new Map<string, readonly Known[]>()
  readonly #sound = new WeakSet<ReferringFlag>()

  constructor(evaluators: Evaluators) {
    this.#evaluators = evaluators
    const names = Object.keys(evaluators)
    const place = (name: string): Place => ['$evaluators', name]
    const broken = names.flatMap((name) => targetingIssues(evaluators[name], place(name)))
    this.areBroken = broken.length > 0
    this.#extents = new ExpandedExtents(evaluators)
    this.issues = this.areBroken
      ? broken
      : names.flatMap((name) => this.issuesOf(evaluators[name], place(name)))
  }

  isSound(flag: ReferringFlag): boolean {
    return this.#sound.has(flag)
  }

  issuesOfFlag(flag: ReferringFlag, path: Place): readonly FlagIssue[] {
    const issues = this.issuesOf(flag.targeting, path)
    const all = issues.length === 0 ? this.#resultIssues(flag, path) : issues
    if (all.length === 0) this.#sound.add(flag)
    return all
  }

  issuesOf(rule: unknown, path: Place): readonly FlagIssue[] {
    const unknown = referencesOf(rule).references.filter(({ name }) => !this.#extents.has(name))
    if (unknown.length === 0) return this.#extents.issuesOf(rule, path)
    return unknown.map(({ name, at }) => ({
      path: [...path, ...at],
      message: `There is no evaluator ${JSON.stringify(name)}`,
      unknown: { name, among: this.#extents.names },
    }))
  }

  /** The first literal of each evaluator that may be the result of the flag and names no variant of it. */
  #resultIssues({ targeting, variants }: ReferringFlag, path: Place): readonly FlagIssue[] {
    if (variants === undefined || referencesOf(targeting).references.length === 0) return NONE
    return resultsOf(targeting, path).flatMap((result) => {
      if (!('evaluator' in result)) return []
      const isWrong = (value: Known) => isKept(result.kept, value) && !isVariant(value, variants)
      const wrong = this.#literalsOf(result.evaluator).find(isWrong)
      if (wrong === undefined) return []
      const what = wrong === CONDITION ? 'true or false' : JSON.stringify(wrong)
      const gives = `The evaluator ${JSON.stringify(result.evaluator)} gives ${what}`
      return [{ path: result.path, message: `${gives}. ${noSuchVariant(wrong, Object.keys(variants))}` }]
    })
  }

  /** The literals and conditions that an evaluator may give, itself or through others, to which it leads in few steps. */
  #literalsOf(name: string): readonly Known[] {
    const known = this.#literals.get(name)
    if (known !== undefined) return known
    const literals = resultsOf(this.#evaluators[name], []).flatMap((result): readonly Known[] =>
      'evaluator' in result
        ? this.#literalsOf(result.evaluator).filter((value) => isKept(result.kept, value))
        : [result.value],
    )
    const distinct = [...new Set(literals)]
    this.#literals.set(name, distinct)
    return distinct
  }
}

const NONE: readonly FlagIssue[] = []

/** The size of a rule with its evaluators in place. */
interface Extent {
  readonly size: number
  /** The most references that lead on from each other. */
  readonly steps: number
}

const ENDLESS: Extent = { size: Number.POSITIVE_INFINITY, steps: Number.POSITIVE_INFINITY }

/** How large rules are with their evaluators in place, and in how many steps these refer to each other. */
class ExpandedExtents {
  readonly names: readonly string[]
  readonly #evaluators: Evaluators
  /** By evaluator, if it does not lead back to itself. */
  readonly #extents = new Map<string, Extent>()

  constructor(evaluators: Evaluators) {
    this.#evaluators = evaluators
    this.names = Object.keys(evaluators)
    this.#measure()
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#evaluators, name)
  }

  issuesOf(rule: unknown, path: Place): readonly FlagIssue[] {
    const { size, steps } = this.#extentOf(rule)
    if (steps > MOST_CHAINED) {
      const message = `An evaluator refers to itself, or to others in more than ${MOST_CHAINED} steps`
      return [{ path, message }]
    }
    if (size <= MOST_PARTS) return NONE
    return [
      { path, message: `With its evaluators in place, the rule may have ${MOST_PARTS} parts, not more` },
    ]
  }

  /** Measures each evaluator after all that it refers to, so that neither order nor a way there counts, and nothing is nested. */
  #measure(): void {
    const users = new Map<string, string[]>(this.names.map((name) => [name, []]))
    const left = new Map<string, number>()
    for (const name of this.names) {
      const references = this.#referencesOf(name)
      left.set(name, references.length)
      for (const each of references) users.get(each)?.push(name)
    }
    const ready = this.names.filter((name) => left.get(name) === 0)
    // The list grows while it is walked.
    for (const name of ready) {
      this.#extents.set(name, this.#extentOf(this.#evaluators[name]))
      for (const user of users.get(name) ?? []) {
        const count = (left.get(user) ?? 0) - 1
        left.set(user, count)
        if (count === 0) ready.push(user)
      }
    }
  }

  #referencesOf(name: string): readonly string[] {
    const { references } = referencesOf(this.#evaluators[name])
    return references.map((each) => each.name).filter((each) => this.has(each))
  }

  #extentOf(rule: unknown): Extent {
    const { size: own, references } = referencesOf(rule)
    let size = own
    let steps = 0
    for (const { name } of references) {
      const inner = this.has(name) ? (this.#extents.get(name) ?? ENDLESS) : NOT_THERE
      size += inner.size
      steps = Math.max(steps, inner.steps + 1)
    }
    return { size, steps }
  }
}

/** An evaluator that does not exist is an issue of its own. */
const NOT_THERE: Extent = { size: 1, steps: 0 }
