import type { Place } from './flag-issue.ts'
import { isCondition } from './operators.ts'
import { isRule } from './targeting-issues.ts'

/** A literal that a rule may give as its result. */
export type Literal = string | number | boolean | null

/** Stands for true or false, whichever a condition gives. */
export const CONDITION = Symbol('true or false')

/** What a rule may give as its result, as far as that is known when it is written. */
export type Known = Literal | typeof CONDITION

/** Which values may be the result: `or` passes over others than truthy ones, and `and` over truthy ones. */
export type Kept = 'all' | 'truthy' | 'falsy'

/** A literal or a condition that may be the result, or an evaluator whose results may be. */
export type Result =
  | { readonly path: Place; readonly value: Known }
  | { readonly path: Place; readonly evaluator: string; readonly kept: Kept }

/** The literals, conditions and evaluators that a rule may give as its result. What else it gives is known when it is evaluated only. */
export function resultsOf(rule: unknown, path: Place, kept: Kept = 'all'): Result[] {
  if (Array.isArray(rule)) return []
  if (!isRule(rule)) return isKept(kept, rule as Literal) ? [{ path, value: rule as Literal }] : []
  const [[operator, given] = ['', undefined]] = Object.entries(rule)
  const at = [...path, operator]
  if (operator === '$ref') return typeof given === 'string' ? [{ path: at, evaluator: given, kept }] : []
  if (isCondition(operator)) return isKept(kept, CONDITION) ? [{ path: at, value: CONDITION }] : []
  if (!Array.isArray(given)) return []
  switch (operator) {
    case 'if':
      return branchesOf(given).flatMap((index) => resultsOf(given[index], [...at, index], kept))
    case 'or':
      return operandResults(given, at, kept, 'truthy')
    case 'and':
      return operandResults(given, at, kept, 'falsy')
    case 'fractional':
      return given.flatMap((bucket, index) =>
        Array.isArray(bucket) ? resultsOf(bucket[0], [...at, index, 0], kept) : [],
      )
    case 'var':
      return given.length > 1 ? resultsOf(given[1], [...at, 1], kept) : []
    default:
      return []
  }
}

/** Whether a value may be the result. A condition in an "or" or "and" that goes on is there to choose what comes next. */
export function isKept(kept: Kept, value: Known): boolean {
  if (value === CONDITION) return kept === 'all'
  return kept === 'all' || (kept === 'truthy') === Boolean(value)
}

/** The last operand is the result whatever it is, the others only where they end the evaluation. */
function operandResults(given: readonly unknown[], at: Place, kept: Kept, ending: Kept): Result[] {
  const last = given.length - 1
  return given.flatMap((operand, index) => {
    const both = index === last || kept === ending ? kept : kept === 'all' ? ending : undefined
    return both === undefined ? [] : resultsOf(operand, [...at, index], both)
  })
}

/** The places of the results in `[condition, then, condition, then, …, else]`. Without a `then`, the condition is the result. */
function branchesOf(given: readonly unknown[]): number[] {
  return [...given.keys()].filter((index) => index % 2 === 1 || index === given.length - 1)
}
