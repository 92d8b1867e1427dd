import { isUint8Array } from 'node:util/types'
import { EtcdError } from './errors.ts'
import type { Bytes } from './bytes.ts'
import { LONGEST_MS, shown } from './refuse-option.ts'
import type { CallOptions } from './transport/transport.ts'

/** What a call was given and cannot be used. `what` says which part; it never repeats a key, a value or a password. */
export function refuseArgument(what: string, call?: string, cause?: unknown): EtcdError {
  return new EtcdError('invalid_argument', { what, call, cause, fate: 'not_sent' })
}

/** What one argument or option has to be. */
export interface Check {
  accepts(value: unknown): boolean
  /** In words: "a whole number from 0 on". */
  readonly expected: string
}

/** One check for every option there is, so that a misspelt name is noticed. */
export type OptionChecks<T> = { readonly [K in keyof Required<T>]: Check }

/** Whether it is an object with these methods. A proxy or a getter that throws is none. */
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

export const FLAG: Check = { accepts: (value) => typeof value === 'boolean', expected: 'true or false' }
export const FUNCTION: Check = { accepts: (value) => typeof value === 'function', expected: 'a function' }
export const TEXT: Check = {
  accepts: (value) => typeof value === 'string' && value.isWellFormed(),
  expected: 'a text',
}
export const SOME_TEXT: Check = {
  accepts: (value) => TEXT.accepts(value) && value !== '',
  expected: 'a text that is not empty',
}
export const SIGNAL: Check = {
  accepts: (value) =>
    hasMethods(value, 'addEventListener', 'removeEventListener') &&
    typeof Reflect.get(value as object, 'aborted') === 'boolean' &&
    takesListeners(value as AbortSignal),
  expected: 'an AbortSignal',
}
/** Node's timers take no more than 2^31 - 1. */
export const MILLISECONDS: Check = {
  accepts: (value) => typeof value === 'number' && value >= 1 && value <= LONGEST_MS,
  expected: `milliseconds from 1 to ${LONGEST_MS}`,
}
export const LEASE_ID: Check = {
  accepts: (value) => typeof value === 'bigint' && value > 0n && value < 2n ** 63n,
  expected: 'a positive bigint below 2^63',
}
/** As in an entry: 0n says that there is none. */
export const LEASE_OR_NONE: Check = {
  accepts: (value) => value === 0n || LEASE_ID.accepts(value),
  expected: 'a bigint from 0 on and below 2^63',
}
export const MEMBER_ID: Check = {
  accepts: (value) => typeof value === 'bigint' && value >= 0n && value < 2n ** 64n,
  expected: 'a bigint from 0 on and below 2^64',
}
export const BYTES: Check = {
  accepts: (value) => (typeof value === 'string' ? value.isWellFormed() : isWholeArray(value)),
  expected: 'text (without lone surrogates) or bytes',
}
/** A part of a range, which `Namespace.range` checks. */
export const RANGE_PART: Check = { accepts: () => true, expected: 'text or bytes' }

/** What its own function checks. */
export const ANYTHING: Check = { accepts: () => true, expected: 'anything' }

/** The checks of what calls that may speak to one member take. */
export const CALL_CHECKS: OptionChecks<CallOptions> = {
  timeoutMs: MILLISECONDS,
  signal: SIGNAL,
  requireLeader: FLAG,
  onRetry: FUNCTION,
  clusterId: MEMBER_ID,
  endpoint: SOME_TEXT,
}

/** A whole number from `least` on that a double holds exactly. */
export function whole(least: number): Check {
  return {
    accepts: (value) => Number.isSafeInteger(value) && (value as number) >= least,
    expected: `a whole number from ${least} on`,
  }
}

export function oneOf(...names: readonly string[]): Check {
  return {
    accepts: (value) => typeof value === 'string' && names.includes(value),
    expected: names.map((name) => `'${name}'`).join(' or '),
  }
}

/** The bytes of an array whose memory was handed to another thread are gone: it must not pass for an empty one. */
function isWholeArray(value: unknown): boolean {
  return isUint8Array(value) && (value.length > 0 || !(value.buffer as ArrayBuffer).detached)
}

/** Throws what the signal's own methods throw, which is then no signal; in the middle of a call it would be too late. */
function takesListeners(signal: AbortSignal): boolean {
  const nothing = () => undefined
  signal.addEventListener('abort', nothing)
  signal.removeEventListener('abort', nothing)
  return true
}

/** @throws EtcdError `invalid_argument` unless the argument is what it has to be */
export function checkArgument(call: string, name: string, check: Check, value: unknown): void {
  if (!passes(check, value)) throw refuseArgument(`${name} is ${named(value)}, not ${check.expected}`, call)
}

/** Throws `invalid_argument` for what is neither text nor bytes. Text that is no Unicode would become another one. */
export function checkBytes(name: string, value: unknown): asserts value is Bytes {
  if (!BYTES.accepts(value)) throw refuseArgument(`${name} is ${shown(value)}, not ${BYTES.expected}`)
}

/**
 * A copy of the options, read once and checked. Throws `invalid_argument` for a name that is not in the table, which would
 * otherwise be ignored without a word, and for a value of the wrong kind. `undefined` counts as not given.
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
    if (!Object.hasOwn(checks, name)) {
      const names = Object.keys(checks).join(', ')
      throw refuseArgument(`there is no option ${name.slice(0, 100)}, only ${names}`, call)
    }
    const check = (checks as Record<string, Check>)[name]!
    if (value === undefined && check !== RANGE_PART) continue
    checkArgument(call, name, check, value)
    read[name] = value
  }
  return read as T
}

/** Getters and proxies may throw what they like. */
function entriesOf(given: object, call: string): [string, unknown][] {
  const entries: [string, unknown][] = []
  try {
    for (const name in given) entries.push([name, Reflect.get(given, name)])
  } catch (cause) {
    throw refuseArgument('the options cannot be read', call, cause)
  }
  return entries
}

/** No list, date, promise, map or signal: their contents would count for nothing. */
function isPlain(given: unknown): given is object {
  try {
    return isObject(given) && Object.prototype.toString.call(given) === '[object Object]'
  } catch {
    return false
  }
}

function passes(check: Check, value: unknown): boolean {
  try {
    return check.accepts(value)
  } catch {
    return false
  }
}

/** An id is no secret; a text may be. */
function named(value: unknown): string {
  return typeof value === 'bigint' ? String(value).slice(0, 40) : shown(value)
}
