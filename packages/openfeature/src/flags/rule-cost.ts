import { isIterating, OPERATORS } from '../schema/operators.ts'

/** Each operator reads what it is given once: a rule with no more than these cannot take long, whatever the context has. */
const FEW_OPERATORS = 20

/** A text of a rule counts as one more part for every 1,000 characters. */
const CHARACTERS = 1_000

/** Whether an evaluation of the rule may take many steps: it has many operators, or one that evaluates others more than once. */
export function isCostly(rule: unknown): boolean {
  let operators = 0
  // A list that grows while it is walked.
  const open = [rule]
  for (const each of open) {
    if (typeof each !== 'object' || each === null) continue
    for (const [name, inner] of Object.entries(each)) {
      open.push(inner)
      if (Array.isArray(each)) continue
      operators++
      if (operators > FEW_OPERATORS || isIterating(name) || !OPERATORS.includes(name)) return true
    }
  }
  return false
}

/** The number of parts of a rule, with those of its lists and texts. */
export function partsOf(rule: unknown): number {
  if (typeof rule === 'string') return 1 + Math.floor(rule.length / CHARACTERS)
  if (typeof rule !== 'object' || rule === null) return 1
  let parts = 1
  for (const inner of Array.isArray(rule) ? rule : Object.values(rule)) parts += partsOf(inner)
  return parts
}
