import { isUint8Array } from 'node:util/types'
import { CoordinationError } from './errors.ts'

/** The largest delay of Node's timers, in milliseconds. */
export const LONGEST_MS = 2 ** 31 - 1

/** Validates one argument or option. */
export interface Check {
  accepts(value: unknown): boolean
  /** Completes "is X, not …" in the error. */
  readonly expected: string
  /** What is wrong with a value of the right type, in place of X, without showing text; undefined if it is of another type. */
  fault?(value: unknown): string | undefined
}

/** One check for every option, so that misspelt names are refused. */
export type OptionChecks<T> = { readonly [K in keyof Required<T>]: Check }

/** The error for an unusable argument. */
export function refuse(what: string, cause?: unknown): CoordinationError {
  return new CoordinationError('invalid_argument', { what, cause })
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** False also for lists, maps and instances of classes, whose parts are not options of their own. */
function isPlain(value: unknown): value is object {
  try {
    if (!isObject(value)) return false
    const prototype: unknown = Object.getPrototypeOf(value)
    // `Object.prototype` of another realm is a different object, and has no prototype either.
    return prototype === null || Object.getPrototypeOf(prototype) === null
  } catch {
    return false
  }
}

/** Describes an unusable value without showing text, which may be a secret. */
function shown(value: unknown): string {
  if (typeof value === 'string') return shownText(value)
  if (typeof value === 'number') return String(value)
  if (typeof value === 'bigint') return `${String(value).slice(0, 40)}n`
  if (typeof value === 'boolean' || value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'function' ? 'a function' : 'an object'
}

function shownText(text: string): string {
  if (text === '') return 'empty'
  if (!text.isWellFormed()) return 'a text with a lone surrogate, which is half of a character'
  return `a text of ${text.length} characters`
}

/** True for an object with all of these methods. */
export function hasMethods(value: unknown, ...names: readonly string[]): boolean {
  return isObject(value) && names.every((name) => typeof Reflect.get(value, name) === 'function')
}

/** Accepts an AbortSignal, also one from another realm. */
export const SIGNAL: Check = {
  accepts: (value) =>
    hasMethods(value, 'addEventListener', 'removeEventListener') &&
    typeof Reflect.get(value as object, 'aborted') === 'boolean',
  expected: 'an AbortSignal',
}
/** Accepts a duration that Node's timers can wait for. */
export const MILLISECONDS: Check = {
  accepts: (value) => typeof value === 'number' && value >= 1 && value <= LONGEST_MS,
  expected: `milliseconds from 1 to ${LONGEST_MS}`,
}
/** As `MILLISECONDS`, or 0. */
export const MILLISECONDS_OR_NONE: Check = {
  accepts: (value) => value === 0 || MILLISECONDS.accepts(value),
  expected: `milliseconds from 0 to ${LONGEST_MS}`,
}
/** Accepts a value for etcd: bytes, or text without lone surrogates. */
export const BYTES: Check = {
  accepts: (value) => (typeof value === 'string' ? value.isWellFormed() : isUint8Array(value)),
  expected: 'text (without lone surrogates) or bytes',
}
/** Accepts a lease id. */
export const LEASE_ID: Check = {
  accepts: (value) => typeof value === 'bigint' && value > 0n && value < 2n ** 63n,
  expected: 'a positive bigint below 2^63',
}
/** Accepts the id of a cluster. */
export const CLUSTER_ID: Check = {
  accepts: (value) => typeof value === 'bigint' && value >= 0n && value < 2n ** 64n,
  expected: 'a bigint from 0 to 2^64 - 1',
}
/** Accepts a logger. */
export const LOGGER: Check = {
  accepts: (value) => hasMethods(value, 'debug', 'info', 'warn', 'error'),
  expected: 'a logger with debug, info, warn and error',
}
/** Accepts a function. */
export const FUNCTION: Check = { accepts: (value) => typeof value === 'function', expected: 'a function' }

/** Accepts integers between the bounds. */
export function whole(least: number, most = Number.MAX_SAFE_INTEGER): Check {
  return {
    accepts: (value) =>
      Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
    expected:
      most === Number.MAX_SAFE_INTEGER
        ? `a whole number from ${least} on`
        : `a whole number from ${least} to ${most}`,
  }
}

/** Accepts a part of a key between two slashes. */
export const KEY_PART: Check = {
  accepts: (value) =>
    typeof value === 'string' && value !== '' && value.isWellFormed() && !value.includes('/'),
  expected: 'a text without a slash, and not empty',
  fault: (value) => (typeof value === 'string' && value.includes('/') ? 'a text with a slash' : undefined),
}

/**
 * True for a promise that a function of a user returned where a value was due, because it was written as `async`. What it
 * rejects with is discarded, or it would end the process.
 */
export function isUnexpectedPromise(value: unknown): boolean {
  if (!(value instanceof Promise) && !hasMethods(value, 'then')) return false
  Promise.resolve(value).catch(() => undefined)
  return true
}

/** @throws CoordinationError `invalid_argument` if the argument fails the check */
export function checkArgument(name: string, check: Check, value: unknown): void {
  if (!passes(check, value)) throw refuse(`${name} is ${faultOf(check, value)}, not ${check.expected}`)
}

/** Describes what is wrong with a value that a check does not accept. */
export function faultOf(check: Check, value: unknown): string {
  try {
    return check.fault?.(value) ?? shown(value)
  } catch {
    return shown(value)
  }
}

function passes(check: Check, value: unknown): boolean {
  try {
    return check.accepts(value)
  } catch {
    return false
  }
}

/**
 * The name of a recipe: a whole key path, whose keys are under `<name>/`.
 *
 * @throws CoordinationError `invalid_argument`
 */
export function checkName(name: unknown): asserts name is string {
  if (typeof name !== 'string' || !name.isWellFormed() || name === '')
    throw refuse(`the name is ${shown(name)}, not a key path such as 'locks/customer1'`)
  if (name.endsWith('/')) throw refuse(`the name "${name}" ends with a slash; leave it out`)
}

/**
 * Reads the options once, validates them and returns a copy. An option that is `undefined` counts as not given.
 *
 * @throws CoordinationError `invalid_argument` for an unknown name and for an invalid value
 */
export function readOptions<T extends object>(
  what: string,
  checks: OptionChecks<T>,
  given: T | undefined,
): T {
  const read: Record<string, unknown> = {}
  if (given === undefined) return read as T
  if (!isPlain(given)) throw refuse(`the options of ${what} are ${shown(given)}, not a plain object`)
  for (const [name, value] of entriesOf(what, given)) {
    if (!Object.hasOwn(checks, name)) {
      const names = Object.keys(checks).join(', ')
      throw refuse(`${what} has no option ${name.slice(0, 100)}, only ${names}`)
    }
    if (value === undefined) continue
    checkArgument(`${name} of ${what}`, checks[name as keyof T], value)
    read[name] = value
  }
  return read as T
}

function entriesOf(what: string, given: object): [string, unknown][] {
  try {
    return Object.entries(given)
  } catch (cause) {
    throw refuse(`the options of ${what} cannot be read`, cause)
  }
}
