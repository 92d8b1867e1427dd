import { isIterating, OPERATORS } from '../schema/operators.ts'

/**
 * Each operator reads once what it is given: a rule with no more than these cannot take long, if what it reads of the
 * context is small.
 */
const FEW_OPERATORS = 20

/** Lists in lists of a rule, before that is made a text: each has the texts in it copied once more. */
const FEW_LEVELS = 10

/** A text of a rule counts as one more part for every 1,000 characters. */
const CHARACTERS = 1_000

/**
 * Whether an evaluation of the rule may take many steps, however small the context is: it has many operators, one that
 * evaluates others more than once, or lists nested deep.
 */
export function isCostly(rule: unknown): boolean {
  let operators = 0
  // A list that grows while it is walked.
  const open: [part: unknown, level: number][] = [[rule, 0]]
  for (const [part, level] of open) {
    if (typeof part !== 'object' || part === null) continue
    if (level > FEW_LEVELS) return true
    const isList = Array.isArray(part)
    for (const [name, inner] of Object.entries(part)) {
      open.push([inner, isList ? level + 1 : 0])
      if (isList) continue
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
