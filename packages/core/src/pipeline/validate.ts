import * as z from 'zod/v4/core'
import { measure, repetitionProblem } from '../format/extent.ts'
import { shortMessage } from '../short-text.ts'
import { doublingParts, type Holder, mayRepeatIssues } from './doubling.ts'
import { MAX_LISTED } from './max-listed.ts'
import { numberOf } from './number-of.ts'
import { pathText } from '../format/path-text.ts'
import { fieldOf, isInstanceOf, messageOf } from '../thrown.ts'
import { RuleResultError } from '../schema/invariant.ts'
import { parseCopy } from '../schema/parse-copy.ts'
import { isRepeatedWork } from './repeated-work.ts'
import { NameTakenError } from './redact.ts'

/** An issue of one node as zod or the pipeline raises it, before its message is written for people. */
export interface RawIssue {
  /** From the node that was judged. */
  readonly path: readonly PropertyKey[]
  readonly code: string
  readonly message: string
  readonly expected?: string | undefined
  /** In words of ours, which hold no value. */
  readonly isOurs?: boolean
  /** The value itself cannot be read: it might be any. */
  readonly isLost?: boolean
  /** The message with words out of the value, for a place that cannot be secret. */
  readonly quoting?: string | undefined
}

export type ValidationResult =
  | { readonly isValid: true; readonly value: unknown }
  | {
      readonly isValid: false
      readonly issues: readonly RawIssue[]
      /** How many more there are: words are found for no more than are listed. */
      readonly unlisted?: number
    }

/** What zod says of an input. A schema that needs `await`, or whose own code throws, is a complaint like any other. */
export function validate(schema: z.$ZodType, input: unknown): ValidationResult {
  try {
    if (isRepeatedWork(schema, input)) return { isValid: false, issues: [REPEATED_WORK] }
    const inner = innermostIssues(schema, input)
    if (inner.length > 0) return { isValid: false, issues: eachOnce(inner) }
    const result = parseCopy(schema, input)
    if (result.success) return { isValid: true, value: result.data }
    return invalidResult(schema, result.error.issues)
  } catch (error) {
    return { isValid: false, issues: [thrownIssue(error)] }
  }
}

/** What the rules over several parts say of a value that was put together from valid ones. Nothing is copied. */
export function validateComposed(invariants: z.$ZodType, value: unknown): ValidationResult {
  try {
    const result = z.safeParse(invariants, value)
    return result.success ? { isValid: true, value } : invalidResult(invariants, result.error.issues)
  } catch (error) {
    return { isValid: false, issues: [thrownIssue(error)] }
  }
}

const REPEATED_WORK: RawIssue = {
  path: [],
  code: 'schema_error',
  message:
    'Nested too deep for this schema: several schemas that read one value lead to the same inner schema, so that each level is validated more often than the one above it. Nest less, or let only one of them validate what is inside: z.discriminatedUnion() in place of z.union(), z.unknown() for the inner values in one step of a pipe',
  isOurs: true,
}

function invalidResult(schema: z.$ZodType, issues: readonly z.$ZodIssue[]): ValidationResult {
  if (mayRepeatIssues(schema)) return { isValid: false, issues: eachOnce(issues.map(toRawIssue)) }
  const listed = issues.length > MAX_LISTED ? issues.slice(0, MAX_LISTED) : issues
  return { isValid: false, issues: eachOnce(listed.map(toRawIssue)), unlisted: issues.length - listed.length }
}

/** Both sides of an intersection may have the same to say of a part, and the items of a set have no place of their own. */
function eachOnce(issues: readonly RawIssue[]): readonly RawIssue[] {
  if (issues.length < 2) return issues
  const numbers = new Map<string, number>()
  const seen = new Set<string>()
  return issues.filter(({ path, code, message }) => {
    // By numbers: a name may be a megabyte long, and stand in any number of paths.
    const id = [code, message, ...path.map(String)].map((text) => numberOf(text, numbers)).join(' ')
    return !seen.has(id) && seen.add(id)
  })
}

/** Whether zod takes an input: `validate` without the words for what is wrong, which cost many times as much. */
export function isValid(schema: z.$ZodType, input: unknown): boolean {
  if (isOfOtherKind(schema, input)) return false
  try {
    return (
      !isRepeatedWork(schema, input) &&
      innermostIssues(schema, input).length === 0 &&
      parseCopy(schema, input).success
    )
  } catch {
    return false
  }
}

const SCALARS: ReadonlySet<string> = new Set(['string', 'number', 'boolean', 'bigint'])

/** Whether no value like the input can be valid, by what zod says of the kinds that unions mostly consist of. */
function isOfOtherKind(schema: z.$ZodType, input: unknown): boolean {
  const { def } = (schema as z.$ZodTypes)._zod
  if (def.type === 'literal' || def.type === 'enum') return schema._zod.values?.has(input as string) === false
  return SCALARS.has(def.type) && typeof input !== def.type && !('coerce' in def && def.coerce === true)
}

const NONE: readonly RawIssue[] = []

/** The issues of the innermost parts which, listed by zod for the whole, would be twice as many at each level. */
function innermostIssues(schema: z.$ZodType, input: unknown): readonly RawIssue[] {
  const parts = doublingParts(schema, input)
  if (parts.length === 0) return NONE
  const issues: RawIssue[] = []
  const invalid = new Set<object>()
  for (const part of parts) {
    if (invalid.has(part.at.value)) continue
    const result = parseCopy(part.schema, part.at.value)
    if (result.success) continue
    for (let at: Holder | undefined = part.at; at !== undefined; at = at.above) invalid.add(at.value)
    for (const issue of result.error.issues.map(toRawIssue))
      issues.push({ ...issue, path: [...part.path, ...issue.path] })
  }
  return issues
}

/** The same where parts of the input could not be read: those are complaints of their own, in the place of zod's. */
export function validateRead(
  schema: z.$ZodType,
  input: unknown,
  unread: readonly RawIssue[],
): ValidationResult {
  const result = validate(schema, input)
  if (unread.length === 0) return result
  // by text, so that many of the one and many of the other are not compared each with each
  const places = new Set(unread.map(({ path }) => placeOf(path, path.length)))
  const above = new Set(unread.flatMap(({ path }) => path.map((_, length) => placeOf(path, length))))
  const isKnown = ({ path, code }: RawIssue) =>
    places.has(placeOf(path, path.length)) ||
    path.some((_, length) => places.has(placeOf(path, length))) ||
    (code === 'invalid_union' && above.has(placeOf(path, path.length)))
  const others = result.isValid ? [] : result.issues.filter((issue) => !isKnown(issue))
  const unlisted = result.isValid ? 0 : result.unlisted
  return { isValid: false, issues: [...unread, ...others], ...(unlisted !== undefined && { unlisted }) }
}

/** Whether a schema might take an input: nothing is wrong with it but values that cannot be read. */
export function mightTake(schema: z.$ZodType, input: unknown, issues: readonly RawIssue[]): boolean {
  if (issues.length === 0 || !issues.every(({ isLost }) => isLost)) return false
  const result = validateRead(schema, input, issues)
  return !result.isValid && result.issues.length === issues.length
}

function placeOf(path: readonly PropertyKey[], length: number): string {
  return JSON.stringify(path.slice(0, length).map(String))
}

function toRawIssue(issue: z.$ZodIssue): RawIssue {
  const message = shortMessage(issueMessage(issue))
  return { path: issue.path, code: issue.code, message, expected: expectedOf(issue) }
}

/** zod says just "Invalid input" of a union; what its branches said is more use. */
function issueMessage(issue: z.$ZodIssue): string {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return textOfMessage(issue.message)
  const branches = issue.errors.map((branch) => {
    const words = branch.slice(0, MAX_WORDS).map(wordsOfInner)
    return [...words, ...(branch.length > MAX_WORDS ? ['…'] : [])].join(', ')
  })
  return `${issue.message}: ${[...new Set(branches)].join('; or ')}`
}

/** So much of what one branch of a union says is repeated: a list in it may have any number of wrong items. */
const MAX_WORDS = 10

/** A schema's own code may raise an issue with anything for its message. */
function textOfMessage(message: unknown): string {
  return typeof message === 'string' ? shortMessage(message) : 'Invalid input'
}

function wordsOfInner({ path, message }: z.$ZodIssue): string {
  const words = textOfMessage(message)
  return path.length > 0 ? `${pathText(path)}: ${words}` : words
}

function expectedOf(issue: z.$ZodIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.expected
    case 'invalid_value':
      return issue.values
        .map((value) => (typeof value === 'string' ? JSON.stringify(value) : String(value)))
        .join(' | ')
    case 'too_big':
      return `${issue.origin} ${issue.inclusive === false ? '<' : '<='} ${issue.maximum}`
    case 'too_small':
      return `${issue.origin} ${issue.inclusive === false ? '>' : '>='} ${issue.minimum}`
    case 'invalid_format':
      return issue.format
    case 'not_multiple_of':
      return `a multiple of ${issue.divisor}`
    default:
      return undefined
  }
}

const NEEDS_AWAIT =
  'The schema needs await here (an async refinement or transform); a live configuration is judged synchronously'

/** What the schema's own code makes may be deeper than what is read, but no value may exhaust the stack. */
const MAX_MADE_DEPTH = 500

/** Why a value that the schema's own code made cannot be taken. */
export function madeProblem(value: unknown): RawIssue | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const extent = measure(value)
  const isTooDeep = extent.isEndless || extent.height > MAX_MADE_DEPTH
  const what = isTooDeep
    ? `is nested more than ${MAX_MADE_DEPTH} levels deep, or inside itself`
    : repetitionProblem(extent)
  if (what === undefined) return undefined
  return {
    path: [],
    code: 'schema_error',
    message: `The schema's own code made a value that ${what}`,
    isOurs: true,
  }
}

/** A value that is valid to zod holds a promise. */
export class PromiseInsideError extends Error {}

/** What the schema's own code threw, as a complaint. */
export function thrownIssue(error: unknown): RawIssue {
  if (isAsyncError(error) || isInstanceOf(error, PromiseInsideError))
    return { path: [], code: 'async_schema', message: NEEDS_AWAIT, isOurs: true }
  if (isInstanceOf(error, NameTakenError) || isInstanceOf(error, RuleResultError))
    return { path: [], code: 'schema_error', message: error.message, isOurs: true }
  const message = `The schema's own code threw: ${messageOf(error)}`
  return { path: [], code: 'schema_error', message }
}

/** By its name too: a schema may have been made by another copy of zod. */
function isAsyncError(error: unknown): boolean {
  return (
    isInstanceOf(error, z.$ZodAsyncError) ||
    fieldOf(fieldOf(error, 'constructor'), 'name') === '$ZodAsyncError'
  )
}
