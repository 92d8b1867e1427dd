import * as z from 'zod/v4/core'
import { disown } from '../callback.ts'
import { kindOfValue } from '../kind-of-value.ts'
import { checkArguments } from '../check-options.ts'
import { LivetreeError } from '../errors.ts'
import { callback } from '../option-kinds.ts'
import { ProcessWarnings } from '../process-warnings.ts'
import { assertZodGiven } from './assert-zod.ts'
import { frozenCopy } from './frozen-copy.ts'
import { isAsync } from './own-code.ts'
import { withDefinition } from './with-definition.ts'

/** Kept in the definition of the check, with its rules. Zod hands the check on to every copy of the schema. */
const INVARIANT = Symbol.for('livetree.invariant')

/**
 * Says that a rule of `invariant` does not hold: where, from the object or record, and what was expected. A call after the rule
 * has returned comes too late to refuse the value; it is a process warning.
 */
export type Complain = (path: readonly (string | number)[], message: string) => void

/** A rule with the value of any schema. */
type Rule = (value: unknown, complain: Complain) => void

/**
 * Adds a rule over several parts of an object or a record, such as names in one that must be keys of another. It refuses what
 * `.superRefine()` with the same rule refuses, but is given the value as it is served, put together from its parts: a change of
 * one part costs that part and the rule, and not the whole value again. It is asked where all parts are valid, must not write to the
 * value, which is frozen, and what it throws is an issue. It complains at once: a promise that it returns is an issue as
 * well, since nobody waits for it, and so is what a rule without a second argument returns, as one for `.refine()` does. Of several
 * rules of one schema, each is asked. Its words are shown where there is no secret in the object: they may repeat one. Put it on an
 * object that has none, where you can.
 *
 * Returns a copy of the schema with the same type. Add refinements that change the value, and wrappers, around it.
 *
 * @throws LivetreeError `invalid_schema` for what is no zod 4 schema, or an async rule; `invalid_options` for a rule that is no
 *   function
 */
export function invariant<S extends z.$ZodType>(
  schema: S,
  rule: (value: z.output<S>, complain: Complain) => void,
): S {
  assertZodGiven('invariant()', schema)
  checkArguments('invariant()', { rule }, { rule: callback })
  if (isAsync(rule)) refuseAsyncRule()
  const { checks = [] } = schema._zod.def
  const earlier = rulesOf(checks.at(-1))
  const others = earlier.length === 0 ? checks : checks.slice(0, -1)
  const check = checkOf([...earlier, guarded(rule as Rule)])
  return withDefinition('invariant()', schema, { checks: [...others, check] })
}

/** A schema with the rules alone, for a frozen value whose parts are valid; undefined where there are none. */
export function invariantsOf({ _zod: { def } }: z.$ZodType): z.$ZodType | undefined {
  const checks = (def.checks ?? []).filter(isInvariant).map((check) => checkOf(rulesOf(check), asItIs))
  return checks.length === 0 ? undefined : new z.$ZodAny({ type: 'any', checks })
}

/** Whether a check was added by `invariant`. */
export function isInvariant(check: z.$ZodCheck<never>): boolean {
  return INVARIANT in check._zod.def
}

/** A rule has returned what it must not. */
export class RuleResultError extends Error {}

/**
 * One check for all rules that follow each other: each is asked, whatever those before it found.
 *
 * @param shown what the rules are shown: what zod has put together goes on to be served, and holds parts of defaults that the
 *   application still has, so that they get a copy of it
 */
function checkOf(
  rules: readonly Rule[],
  shown: (value: unknown) => unknown = frozenCopy,
): z.$ZodCheck<never> {
  const check = z._superRefine<unknown>((given, context) => {
    const value = shown(given)
    for (const rule of rules)
      rule(value, (path, message) => context.addIssue({ code: 'custom', path: [...path], message }))
  })
  Object.assign(check._zod.def, {
    [INVARIANT]: rules,
    // Zod asks a rule also where a refinement inside has failed; the pipeline has no value to ask it with then.
    when: ({ issues }: z.ParsePayload) => issues.length === 0,
  })
  return check
}

function asItIs(value: unknown): unknown {
  return value
}

function rulesOf(check: z.$ZodCheck<never> | undefined): readonly Rule[] {
  const rules: unknown = check === undefined ? undefined : Reflect.get(check._zod.def, INVARIANT)
  return Array.isArray(rules) ? rules : []
}

/** A rule of a user, with its result looked at, and with what it complains of too late. */
function guarded(rule: (value: unknown, complain: Complain) => unknown): Rule {
  const warnings = new ProcessWarnings()
  // The rule may keep its function from one run to the next: it complains for the run that is under way.
  let current: Complain | undefined
  const complainInTime: Complain = (path, message) => {
    if (current === undefined) warnLate(warnings)
    else current(readPath(path), readMessage(message))
  }
  return (value, complain) => {
    const outer = current
    current = complain
    let returned: unknown
    try {
      returned = rule(value, complainInTime)
    } finally {
      current = outer
    }
    if (disown(returned)) throw new z.$ZodAsyncError()
    // A rule that takes no second argument means what it returns, as in `.refine()`. Of others it says nothing: `ok || complain(…)`.
    if (isGenerator(returned) || (rule.length < 2 && returned !== undefined)) throw unread(returned)
  }
}

/** @throws RuleResultError for what is no path: a text would be one of its characters */
function readPath(path: unknown): readonly (string | number)[] {
  if (!Array.isArray(path)) throw wrong(`${kindOfValue(path)} for the path, and not a list, such as ["max"]`)
  for (const name of path as unknown[])
    if (typeof name !== 'string' && typeof name !== 'number')
      throw wrong(`${kindOfValue(name)} in the path, and not names and numbers alone`)
  return path
}

/** @throws RuleResultError for what is no text */
function readMessage(message: unknown): string {
  if (typeof message === 'string') return message
  throw wrong(`${kindOfValue(message)} for what is wrong, and not a text`)
}

function wrong(what: string): RuleResultError {
  return new RuleResultError(`A rule of invariant() complained with ${what}`)
}

function isGenerator(value: unknown): boolean {
  return Object.prototype.toString.call(value).endsWith('Generator]')
}

function unread(returned: unknown): RuleResultError {
  const what =
    returned === null || typeof returned === 'boolean' ? String(returned) : `a value (${typeof returned})`
  return new RuleResultError(
    `A rule of invariant() returned ${what}, which nobody reads; it has to call its second argument with what is wrong`,
  )
}

function warnLate(warnings: ProcessWarnings): void {
  const message =
    'A rule of invariant() complained after it had returned: the value may be in service by then. Complain before the rule returns, without await or a timer'
  warnings.emit({ message, code: 'late_complaint', cause: '', thrown: new Error(message) })
}

function refuseAsyncRule(): never {
  const message =
    'invariant() got an async rule; a live configuration is judged at once, without await. Make it synchronous, or check it where the value is used.'
  throw new LivetreeError('invalid_schema', message)
}
