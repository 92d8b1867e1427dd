import type { FlagIssue } from './flag-issue.ts'
import { CONDITION, type Known, resultsOf } from './rule-results.ts'
import { targetingIssues } from './targeting-issues.ts'

/** A flag whose parts have the right types. */
export interface CheckedFlag {
  readonly variants: Readonly<Record<string, unknown>>
  readonly defaultVariant?: string | null | undefined
  readonly targeting?: unknown
}

/** What is wrong with a flag, apart from the evaluators that it refers to. */
export function flagIssues({ variants, defaultVariant, targeting }: CheckedFlag): FlagIssue[] {
  const names = Object.keys(variants)
  const issues = variantIssues(variants)
  // An empty name counts as none, as in flagd.
  if (defaultVariant && !Object.hasOwn(variants, defaultVariant))
    issues.push({ path: ['defaultVariant'], message: noSuchVariant(defaultVariant, names) })
  if (targeting === undefined) return issues
  const rules = targetingIssues(targeting, ['targeting'])
  return [...issues, ...(rules.length > 0 ? rules : resultIssues(targeting, variants))]
}

/** Says that a result names no variant, and what does. */
export function noSuchVariant(result: string | Known, names: readonly string[]): string {
  if (result === CONDITION) {
    const [first = '', second = first] = names.map((each) => JSON.stringify(each))
    return `No variant is named true or false, which is all that a condition gives; choose by it: { "if": [condition, ${first}, ${second}] }`
  }
  const name = String(result)
  return `There is no variant ${JSON.stringify(name)}; there ${names.length === 1 ? 'is' : 'are'} ${listed(names)}`
}

/** The first names of a list, for a message. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, 10).map((name) => JSON.stringify(name))
  return names.length > shown.length
    ? `${shown.join(', ')} and ${names.length - shown.length} more`
    : shown.join(', ')
}

function variantIssues(variants: Readonly<Record<string, unknown>>): FlagIssue[] {
  const entries = Object.entries(variants)
  const [first] = entries
  if (first === undefined) return [{ path: ['variants'], message: 'Expected at least one variant' }]
  const issues = entries.flatMap(([name, value]) => valueIssues(name, value))
  if (issues.length > 0) return issues
  const odd = entries.find(([, value]) => typeof value !== typeof first[1])
  if (odd === undefined) return []
  const message = `All variants have one type; ${JSON.stringify(first[0])} is a ${typeof first[1]}, and this is a ${typeof odd[1]}`
  return [{ path: ['variants', odd[0]], message }]
}

function valueIssues(name: string, value: unknown): FlagIssue[] {
  const path = ['variants', name]
  if (value === null || Array.isArray(value))
    return [{ path, message: 'Expected a boolean, a text, a number or an object' }]
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    return [{ path, message: 'A whole number beyond 2^53 - 1 is not exact; write it as a text' }]
  return []
}

/** The literal results of a targeting that name no variant: the flag would be an error for whoever gets one. */
function resultIssues(targeting: unknown, variants: CheckedFlag['variants']): FlagIssue[] {
  const names = Object.keys(variants)
  return resultsOf(targeting, ['targeting']).flatMap((result) =>
    'evaluator' in result || isVariant(result.value, variants)
      ? []
      : [{ path: result.path, message: noSuchVariant(result.value, names) }],
  )
}

/** Whether a result chooses a variant, or may. Null leaves the choice to the default. */
export function isVariant(result: Known, variants: CheckedFlag['variants']): boolean {
  if (result === CONDITION) return Object.hasOwn(variants, 'true') || Object.hasOwn(variants, 'false')
  return result === null || Object.hasOwn(variants, String(result))
}
