import type { Place } from './flag-issue.ts'
import { isRule } from './targeting-issues.ts'

/** What a rule says itself, its evaluators not looked into. */
export interface RuleReferences {
  /** The number of its parts, those of evaluators not counted. */
  readonly size: number
  /** The evaluators that it refers to, each as often as it does, with the place in the rule. */
  readonly references: readonly { readonly name: string; readonly at: Place }[]
}

const known = new WeakMap<object, RuleReferences>()

/** Looks through a rule once: parts of a configuration keep their identity until they change. */
export function referencesOf(rule: unknown): RuleReferences {
  if (typeof rule !== 'object' || rule === null) return { size: 1, references: [] }
  const found = known.get(rule)
  if (found !== undefined) return found
  const references: { name: string; at: Place }[] = []
  const all: RuleReferences = { size: count(rule, [], references), references }
  known.set(rule, all)
  return all
}

function count(value: unknown, at: Place, references: { name: string; at: Place }[]): number {
  if (typeof value !== 'object' || value === null) return 1
  if (isRule(value) && typeof value['$ref'] === 'string') {
    references.push({ name: value['$ref'], at: [...at, '$ref'] })
    return 0
  }
  let size = 1
  if (Array.isArray(value)) {
    for (const [index, inner] of value.entries()) size += count(inner, [...at, index], references)
  } else {
    for (const [name, inner] of Object.entries(value)) size += count(inner, [...at, name], references)
  }
  return size
}
