import { DiscoveryError } from './errors.ts'

/** Validates one option. `expected` completes "is X, not …". */
export interface Check {
  accepts(value: unknown): boolean
  /** The value must not be printed. */
  readonly isSecret?: boolean
  readonly expected: string
}

/** One check for every option, so that misspelt names are refused. */
export type Checks<T> = { readonly [K in keyof Required<T>]: Check }

/** The longest duration that Node's timers take. */
const LONGEST_MS = 2 ** 31 - 1

/** Accepts a function. */
export const FUNCTION: Check = { accepts: (value) => typeof value === 'function', expected: 'a function' }

/** Accepts a boolean. */
export const FLAG: Check = { accepts: (value) => typeof value === 'boolean', expected: 'true or false' }

/** Accepts any object but a list. */
export const OBJECT: Check = {
  accepts: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  expected: 'an object',
}

/** Accepts an object with these methods. */
export function having(what: string, ...methods: readonly string[]): Check {
  const isComplete = (value: object) =>
    methods.every((name) => typeof Reflect.get(value, name) === 'function')
  return {
    accepts: (value) =>
      (typeof value === 'object' || typeof value === 'function') && value !== null && isComplete(value),
    expected: what,
  }
}

/** Accepts an AbortSignal. */
export const SIGNAL: Check = having('an AbortSignal', 'addEventListener', 'removeEventListener')

/** Accepts text of 1 to 200 characters that stands on one line. */
export const LABEL: Check = {
  accepts: (value) => typeof value === 'string' && value.isWellFormed() && /^[^\p{Cc}]{1,200}$/u.test(value),
  expected: 'a text of 1 to 200 characters on one line',
}

/** Accepts a finite number of a range. */
export function numberIn(least: number, most: number): Check {
  return {
    accepts: (value) => typeof value === 'number' && value >= least && value <= most,
    expected: most === Infinity ? `a number from ${least} on` : `a number from ${least} to ${most}`,
  }
}

/** Accepts an integer of a range. */
export function wholeIn(least: number, most: number): Check {
  return {
    accepts: (value) => Number.isSafeInteger(value) && numberIn(least, most).accepts(value),
    expected: `a whole number from ${least} to ${most}`,
  }
}

/** Accepts milliseconds that Node's timers take. */
export function milliseconds(least = 0): Check {
  return numberIn(least, LONGEST_MS)
}

/** Accepts one of the texts. */
export function oneOf(...texts: readonly string[]): Check {
  return {
    accepts: (value) => typeof value === 'string' && texts.includes(value),
    expected: texts.map((text) => `'${text}'`).join(' or '),
  }
}

/** A weight: 0 takes an endpoint out of the choice, 100 is the default. */
export const WEIGHT: Check = wholeIn(0, 1000)

/**
 * Reads the options once, validates them and returns a copy without those that are undefined.
 *
 * @throws DiscoveryError `invalid_option` for an unknown name, an invalid value and options that cannot be read
 */
export function readOptions<T extends object>(where: string, checks: Checks<T>, given: T): T {
  if (!OBJECT.accepts(given)) throw refuse(where, `the options are ${shown(given)}, not an object`)
  const read: Record<string, unknown> = {}
  for (const [name, value] of entriesOf(where, given)) {
    if (value === undefined) continue
    const check = Object.hasOwn(checks, name) ? (checks as Record<string, Check>)[name] : undefined
    if (check === undefined) {
      throw refuse(where, `there is no option ${name.slice(0, 60)}, only ${Object.keys(checks).join(', ')}`)
    }
    assertAccepted(where, name, check, value)
    read[name] = value
  }
  return read as T
}

/** @throws DiscoveryError `invalid_option` if the value fails the check */
export function assertAccepted(where: string, name: string, check: Check, value: unknown): void {
  if (!isAccepted(check, value)) {
    const what = check.isSecret === true ? `a ${typeof value}` : shown(value)
    throw refuse(where, `${name} is ${what}, not ${check.expected}`)
  }
}

/** The error for an unusable option. */
export function refuse(where: string, what: string, cause?: unknown): DiscoveryError {
  return new DiscoveryError('invalid_option', `${where}: ${what}`, cause === undefined ? {} : { cause })
}

function isAccepted(check: Check, value: unknown): boolean {
  try {
    return check.accepts(value)
  } catch {
    return false
  }
}

function entriesOf(where: string, given: object): [string, unknown][] {
  try {
    const entries: [string, unknown][] = []
    for (const name in given) entries.push([name, Reflect.get(given, name)])
    return entries
  } catch (cause) {
    throw refuse(where, 'the options cannot be read', cause)
  }
}

/** A short description of a value; text is shown in quotes. */
function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 60))
  if (value === null || ['number', 'bigint', 'boolean', 'undefined'].includes(typeof value))
    return String(value)
  return Array.isArray(value) ? 'a list' : typeof value === 'function' ? 'a function' : 'an object'
}
