import { referencesOf } from '../schema/rule-references.ts'
import { ownPart } from './flags.ts'

/** Shared rules by the names that flags refer to. */
export type Evaluators = Readonly<Record<string, unknown>>

/**
 * A rule with its evaluators in the places of `{ "$ref": "name" }`. Parts without references stay the same objects. One that
 * does not exist stays as it is.
 */
export function expandReferences(rule: unknown, evaluators: Evaluators = {}): unknown {
  if (referencesOf(rule).references.length === 0) return rule
  if (Array.isArray(rule)) return rule.map((inner) => expandReferences(inner, evaluators))
  const { $ref: name, ...others } = rule as Readonly<Record<string, unknown>>
  if (typeof name !== 'string') {
    const entries = Object.entries(others).map(([key, inner]) => [key, expandReferences(inner, evaluators)])
    return Object.fromEntries(entries)
  }
  return Object.hasOwn(evaluators, name) ? expandReferences(evaluators[name], evaluators) : rule
}

/** Whether a rule refers to any of these evaluators, itself or through others. */
export function usesAny(rule: unknown, names: ReadonlySet<string>, evaluators: Evaluators = {}): boolean {
  if (names.size === 0) return false
  const seen = new Set<string>()
  // A list that grows while it is walked: a schema of the application may let chains of any length through.
  const rules = [rule]
  for (const each of rules) {
    for (const { name } of referencesOf(each).references) {
      if (names.has(name)) return true
      if (!seen.has(name)) rules.push(ownPart(evaluators, name))
      seen.add(name)
    }
  }
  return false
}
