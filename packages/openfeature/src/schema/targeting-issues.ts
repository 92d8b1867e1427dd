import type { FlagIssue, Place } from './flag-issue.ts'
import { arityOf, isSpecial, OPERATORS, type SpecialOperator, takesBareArgument } from './operators.ts'

/** The weights of a `fractional` together, by flagd's definition. */
const MOST_WEIGHT = 2_147_483_647

/** What flagd-core reads as a version: with or without a leading "v", and `1` or `1.2` for `1.0.0` and `1.2.0`. */
const VERSION =
  /^[vV]?(?:\d+(?:\.\d+)?|(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?)$/
const VERSION_OPERATORS: readonly unknown[] = ['=', '!=', '>', '<', '>=', '<=', '~', '^']
const FLAGD_VARIABLES: readonly string[] = ['$flagd.flagKey', '$flagd.timestamp']

type Rule = Readonly<Record<string, unknown>>

/** Whether the value is a rule: an object, and no list. */
export function isRule(value: unknown): value is Rule {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * What is wrong with a targeting rule, apart from the evaluators that it refers to: an operator that does not exist, a wrong
 * number of arguments, or arguments that can never mean anything. An empty object is no rule, and valid.
 */
export function targetingIssues(targeting: unknown, path: Place): FlagIssue[] {
  if (!isRule(targeting))
    return [{ path, message: 'Expected a rule: an object with one operator, such as "if"' }]
  if (Object.keys(targeting).length === 0) return []
  return ruleIssues(targeting, path)
}

function ruleIssues(rule: Rule, path: Place): FlagIssue[] {
  const [operator, ...others] = Object.keys(rule)
  if (operator === undefined || others.length > 0) {
    const found =
      operator === undefined ? 'none' : [operator, ...others].map((each) => `"${each}"`).join(', ')
    return [{ path, message: `Expected one operator, found ${found}` }]
  }
  const at = [...path, operator]
  const given = rule[operator]
  if (operator === '$ref')
    return typeof given === 'string' ? [] : [{ path: at, message: 'Expected the name of an evaluator' }]
  if (isSpecial(operator)) return SPECIAL_CHECKS[operator](given, at)
  const arity = arityOf(operator)
  if (arity === undefined) return [unknownOperator(operator, at)]
  if (!Array.isArray(given)) {
    if (takesBareArgument(operator)) return argumentIssues(given, at)
    return [{ path: at, message: `"${operator}" takes a list of arguments` }]
  }
  return [...countIssues(operator, given, arity, at), ...listIssues(given, at)]
}

function unknownOperator(operator: string, path: Place): FlagIssue {
  const message = `There is no operator ${JSON.stringify(operator)}`
  return { path, message, unknown: { name: operator, among: OPERATORS } }
}

function countIssues(
  operator: string,
  given: readonly unknown[],
  [least, most]: readonly [number, number],
  path: Place,
) {
  if (given.length >= least && given.length <= most) return []
  const expected =
    least === most ? `${least}` : most === Infinity ? `at least ${least}` : `${least} to ${most}`
  return [
    {
      path,
      message: `"${operator}" takes ${expected} argument${expected.endsWith(' 1') || expected === '1' ? '' : 's'}, found ${given.length}`,
    },
  ]
}

function listIssues(given: readonly unknown[], path: Place): FlagIssue[] {
  return given.flatMap((each, index) => argumentIssues(each, [...path, index]))
}

/** An argument is a rule, a list of arguments, or a plain value. */
function argumentIssues(given: unknown, path: Place): FlagIssue[] {
  if (isRule(given)) return ruleIssues(given, path)
  if (!Array.isArray(given)) return []
  return listIssues(given, path)
}

type Check = (given: unknown, path: Place) => FlagIssue[]

const SPECIAL_CHECKS: Readonly<Record<SpecialOperator, Check>> = {
  var: variableIssues,
  missing: (given, path) =>
    isListOfTexts(given) ? [] : [{ path, message: '"missing" takes a list of names' }],
  missing_some: missingSomeIssues,
  starts_with: (given, path) => comparisonIssues('starts_with', given, path),
  ends_with: (given, path) => comparisonIssues('ends_with', given, path),
  sem_ver: versionIssues,
  fractional: fractionalIssues,
}

function isListOfTexts(given: unknown): given is readonly string[] {
  return Array.isArray(given) && given.every((each) => typeof each === 'string')
}

function variableIssues(given: unknown, path: Place): FlagIssue[] {
  const [name, ...defaults] = Array.isArray(given) ? given : [given]
  if (typeof name !== 'string')
    return [{ path, message: '"var" takes a name, or a list of a name and a default' }]
  if (name.startsWith('$flagd.') && !FLAGD_VARIABLES.includes(name))
    return [{ path, message: `There is no "${name}"; there are ${FLAGD_VARIABLES.join(' and ')}` }]
  if (defaults.length > 1 || defaults.some((each) => typeof each === 'object' && each !== null))
    return [{ path, message: 'The default of "var" is one text, number, boolean or null' }]
  return []
}

function missingSomeIssues(given: unknown, path: Place): FlagIssue[] {
  const isRight =
    Array.isArray(given) && given.length === 2 && typeof given[0] === 'number' && isListOfTexts(given[1])
  return isRight ? [] : [{ path, message: '"missing_some" takes a number and a list of names' }]
}

function comparisonIssues(operator: string, given: unknown, path: Place): FlagIssue[] {
  const isRight =
    Array.isArray(given) &&
    given.length === 2 &&
    given.every((each) => typeof each === 'string' || isRule(each))
  if (!isRight) return [{ path, message: `"${operator}" takes two texts, or rules that give texts` }]
  return listIssues(given, path)
}

function versionIssues(given: unknown, path: Place): FlagIssue[] {
  if (!Array.isArray(given) || given.length !== 3)
    return [{ path, message: '"sem_ver" takes a version, an operator and a version' }]
  const sides = [0, 2].flatMap((index) => versionSideIssues(given[index], [...path, index]))
  if (VERSION_OPERATORS.includes(given[1])) return sides
  return [...sides, { path: [...path, 1], message: `Expected one of ${VERSION_OPERATORS.join(' ')}` }]
}

function versionSideIssues(side: unknown, path: Place): FlagIssue[] {
  if (isRule(side) && Object.keys(side).join() === 'var') return ruleIssues(side, path)
  if (typeof side === 'string' && VERSION.test(side)) return []
  return [{ path, message: 'Expected a version such as "1.2.3", or a "var"' }]
}

/** `[bucketBy?, [variant, weight?], …]`. */
function fractionalIssues(given: unknown, path: Place): FlagIssue[] {
  const takes = '"fractional" takes a rule to bucket by, if any, and lists of a variant and a weight'
  if (!Array.isArray(given) || given.length === 0) return [{ path, message: takes }]
  const [first] = given
  const hasBucketBy = !Array.isArray(first)
  const bucketBy = hasBucketBy && isRule(first) ? ruleIssues(first, [...path, 0]) : []
  const isWrong = hasBucketBy && (given.length === 1 || !(isRule(first) || typeof first === 'string'))
  if (isWrong) return [{ path, message: takes }]
  const buckets = given.slice(hasBucketBy ? 1 : 0)
  const offset = hasBucketBy ? 1 : 0
  const inside = buckets.flatMap((bucket, index) => bucketIssues(bucket, [...path, index + offset]))
  const weight = buckets.reduce<number>((sum, bucket) => sum + weightOf(bucket), 0)
  if (weight <= MOST_WEIGHT) return [...bucketBy, ...inside]
  return [...bucketBy, ...inside, { path, message: `The weights together may be ${MOST_WEIGHT}, not more` }]
}

function weightOf(bucket: unknown): number {
  const weight: unknown = Array.isArray(bucket) ? (bucket[1] ?? 1) : 0
  return typeof weight === 'number' ? weight : 0
}

function bucketIssues(bucket: unknown, path: Place): FlagIssue[] {
  if (!Array.isArray(bucket) || bucket.length === 0 || bucket.length > 2)
    return [{ path, message: 'Expected a list of a variant and a weight, such as ["on", 25]' }]
  const [variant, weight] = bucket
  const issues = argumentIssues(variant, [...path, 0])
  if (Array.isArray(variant)) issues.push({ path: [...path, 0], message: 'Expected the name of a variant' })
  if (bucket.length === 1) return issues
  if (isRule(weight)) return [...issues, ...ruleIssues(weight, [...path, 1])]
  if (Number.isInteger(weight) && (weight as number) >= 0) return issues
  return [...issues, { path: [...path, 1], message: 'Expected a weight: a whole number, 0 or more' }]
}
