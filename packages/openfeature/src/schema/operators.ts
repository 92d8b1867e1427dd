/** How many arguments an operator takes: at least, and at most. */
export type Arity = readonly [least: number, most: number]

const MANY = Number.POSITIVE_INFINITY

/**
 * The operators of JSONLogic that flagd has, with the number of their arguments. Source: flagd's JSON schema of targeting
 * rules (https://flagd.dev/schema/v0/targeting.json).
 */
const PLAIN: Readonly<Record<string, Arity>> = {
  if: [1, MANY],
  and: [1, MANY],
  or: [1, MANY],
  '!': [1, 1],
  '!!': [1, 1],
  '==': [2, 2],
  '===': [2, 2],
  '!=': [2, 2],
  '!==': [2, 2],
  '>': [2, 2],
  '>=': [2, 2],
  '<': [2, 3],
  '<=': [2, 3],
  '+': [1, MANY],
  '-': [1, MANY],
  '*': [2, MANY],
  '/': [2, 2],
  '%': [2, 2],
  max: [1, MANY],
  min: [1, MANY],
  in: [2, 2],
  cat: [1, MANY],
  substr: [2, 3],
  merge: [1, MANY],
  map: [2, 2],
  filter: [2, 2],
  all: [2, 2],
  none: [2, 2],
  some: [2, 2],
  reduce: [3, 3],
}

/** The operators whose arguments have checks of their own. */
export const SPECIAL = [
  'var',
  'missing',
  'missing_some',
  'starts_with',
  'ends_with',
  'sem_ver',
  'fractional',
] as const

/** The name of an operator whose arguments have a check of their own. */
export type SpecialOperator = (typeof SPECIAL)[number]

/** The names of all operators. */
export const OPERATORS: readonly string[] = [...SPECIAL, ...Object.keys(PLAIN)]

/** Whether an operator evaluates one of its arguments for each item of a list. */
export function isIterating(operator: string): boolean {
  return ITERATING.includes(operator)
}

/** Whether an operator gives true or false, or fails. */
export function isCondition(operator: string): boolean {
  return CONDITIONS.includes(operator)
}

const CONDITIONS: readonly string[] = [
  ...['!', '!!', '==', '===', '!=', '!==', '>', '>=', '<', '<=', 'in', 'all', 'none', 'some'],
  ...['starts_with', 'ends_with', 'sem_ver'],
]

const ITERATING: readonly string[] = ['map', 'filter', 'all', 'none', 'some', 'reduce']

/** The number of arguments of an operator of JSONLogic; undefined for any other name. */
export function arityOf(operator: string): Arity | undefined {
  return Object.hasOwn(PLAIN, operator) ? PLAIN[operator] : undefined
}

/** The operators that take their only argument without a list around it. */
export function takesBareArgument(operator: string): boolean {
  return operator === '!' || operator === '!!'
}

/** Whether the arguments of the operator have a check of their own. */
export function isSpecial(operator: string): operator is SpecialOperator {
  return SPECIAL.some((each) => each === operator)
}
