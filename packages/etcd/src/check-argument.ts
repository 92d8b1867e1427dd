import { isUint8Array } from 'node:util/types'
import { EtcdError } from './errors.ts'
import type { Bytes } from './bytes.ts'
import { isPlain, LONGEST_MS, shown } from './refuse-option.ts'
import type { CallOptions } from './transport/transport.ts'

/**
 * The error for an unusable argument. `what` names the part and never contains a key, a value or a password.
 */
export function refuseArgument(what: string, call?: string, cause?: unknown): EtcdError {
  return new EtcdError('invalid_argument', { what, call, cause, fate: 'not_sent' })
}

/** Validates one argument or option. */
export interface Check {
  accepts(value: unknown): boolean
  /** Completes "is X, not …" in the error, e.g. "a whole number from 0 on". */
  readonly expected: string
}

/** One check for every option, so that misspelt names are rejected. */
export type OptionChecks<T> = { readonly [K in keyof Required<T>]: Check }

/** True for an object with all of these methods. False if a proxy or a getter throws. */
export function hasMethods(value: unknown, ...names: readonly string[]): boolean {
  try {
    return isObject(value) && names.every((name) => typeof Reflect.get(value, name) === 'function')
  } catch {
    return false
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** Accepts a boolean. */
export const FLAG: Check = { accepts: (value) => typeof value === 'boolean', expected: 'true or false' }

/** Accepts a function. */
export const FUNCTION: Check = { accepts: (value) => typeof value === 'function', expected: 'a function' }

/** Accepts a string without lone surrogates. */
export const TEXT: Check = {
  accepts: (value) => typeof value === 'string' && value.isWellFormed(),
  expected: 'a text',
}
/** Accepts a non-empty string without lone surrogates. */
export const SOME_TEXT: Check = {
  accepts: (value) => TEXT.accepts(value) && value !== '',
  expected: 'a text that is not empty',
}
/** Accepts an AbortSignal, also one from another realm or a polyfill. */
export const SIGNAL: Check = {
  accepts: (value) =>
    hasMethods(value, 'addEventListener', 'removeEventListener') &&
    typeof Reflect.get(value as object, 'aborted') === 'boolean' &&
    takesListeners(value as AbortSignal),
  expected: 'an AbortSignal',
}
/** A duration for Node's timers, which accept at most 2^31 - 1. */
export const MILLISECONDS: Check = {
  accepts: (value) => typeof value === 'number' && value >= 1 && value <= LONGEST_MS,
  expected: `milliseconds from 1 to ${LONGEST_MS}`,
}
/** Accepts a lease id. */
export const LEASE_ID: Check = {
  accepts: (value) => typeof value === 'bigint' && value > 0n && value < 2n ** 63n,
  expected: 'a positive bigint below 2^63',
}
/** A lease id as in an entry, where 0n means no lease. */
export const LEASE_OR_NONE: Check = {
  accepts: (value) => value === 0n || LEASE_ID.accepts(value),
  expected: 'a bigint from 0 on and below 2^63',
}
/** Accepts the id of a member or a cluster. */
export const MEMBER_ID: Check = {
  accepts: (value) => typeof value === 'bigint' && value >= 0n && value < 2n ** 64n,
  expected: 'a bigint from 0 on and below 2^64',
}
/** Accepts a key or a value: bytes, or text without lone surrogates. */
export const BYTES: Check = {
  accepts: (value) => (typeof value === 'string' ? value.isWellFormed() : isWholeArray(value)),
  expected: 'text (without lone surrogates) or bytes',
}
/** A part of a range, which `Namespace.range` validates. */
export const RANGE_PART: Check = { accepts: () => true, expected: 'text or bytes' }

/** An option that is validated by a function of its own. */
export const ANYTHING: Check = { accepts: () => true, expected: 'anything' }

/** Checks for the options of calls that can address one member. */
export const CALL_CHECKS: OptionChecks<CallOptions> = {
  timeoutMs: MILLISECONDS,
  signal: SIGNAL,
  requireLeader: FLAG,
  onRetry: FUNCTION,
  clusterId: MEMBER_ID,
  endpoint: SOME_TEXT,
}

/** Accepts integers from `least` on that a double holds exactly. */
export function whole(least: number): Check {
  return {
    accepts: (value) => Number.isSafeInteger(value) && (value as number) >= least,
    expected: `a whole number from ${least} on`,
  }
}

/** Accepts one of the names. */
export function oneOf(...names: readonly string[]): Check {
  return {
    accepts: (value) => typeof value === 'string' && names.includes(value),
    expected: names.map((name) => `'${name}'`).join(' or '),
  }
}

/** A transferred ArrayBuffer has lost its bytes and must not be mistaken for an empty value. */
function isWholeArray(value: unknown): boolean {
  return isUint8Array(value) && (value.length > 0 || !(value.buffer as ArrayBuffer).detached)
}

/**
 * Tries the signal's methods. A signal whose methods throw is refused here, because in the middle of a call
 * is too late.
 */
function takesListeners(signal: AbortSignal): boolean {
  const nothing = () => undefined
  signal.addEventListener('abort', nothing)
  signal.removeEventListener('abort', nothing)
  return true
}

/** @throws EtcdError `invalid_argument` if the argument fails the check */
export function checkArgument(call: string, name: string, check: Check, value: unknown): void {
  if (!passes(check, value)) throw refuseArgument(`${name} is ${named(value)}, not ${check.expected}`, call)
}

/**
 * Accepts bytes and well-formed text; lone surrogates would be encoded as another text.
 *
 * @throws EtcdError `invalid_argument` for anything else
 */
export function checkBytes(name: string, value: unknown): asserts value is Bytes {
  if (!BYTES.accepts(value)) throw refuseArgument(`${name} is ${shown(value)}, not ${BYTES.expected}`)
}

/**
 * Reads the options once, validates them and returns a copy. An option that is `undefined` counts as not
 * given.
 *
 * @throws EtcdError `invalid_argument` for an unknown name, which would otherwise be ignored silently, and
 * for an invalid value
 */
export function readOptions<T extends object>(
  call: string,
  checks: OptionChecks<T>,
  given: T | undefined,
): T {
  const read = {} as Record<string, unknown>
  if (given === undefined) return read as T
  if (!isPlain(given)) throw refuseArgument(`the options are ${shown(given)}, not a plain object`, call)
  for (const [name, value] of entriesOf(given, call)) {
    const check = Object.hasOwn(checks, name) ? (checks as Record<string, Check>)[name] : undefined
    if (check === undefined) {
      const names = Object.keys(checks).join(', ')
      throw refuseArgument(`there is no option ${name.slice(0, 100)}, only ${names}`, call)
    }
    if (value === undefined && check !== RANGE_PART) continue
    checkArgument(call, name, check, value)
    read[name] = value
  }
  return read as T
}

/** Reads all properties, and turns what a getter or a proxy throws into `invalid_argument`. */
function entriesOf(given: object, call: string): [string, unknown][] {
  const entries: [string, unknown][] = []
  try {
    for (const name in given) entries.push([name, Reflect.get(given, name)])
  } catch (cause) {
    throw refuseArgument('the options cannot be read', call, cause)
  }
  return entries
}

function passes(check: Check, value: unknown): boolean {
  try {
    return check.accepts(value)
  } catch {
    return false
  }
}

/** Describes a value for an error. An id is shown because it is no secret; text may be one. */
function named(value: unknown): string {
  return typeof value === 'bigint' ? `${value}n`.slice(0, 40) : shown(value)
}
