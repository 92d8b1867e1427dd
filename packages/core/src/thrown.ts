import { types } from 'node:util'
import { shortText } from './short-text.ts'

/**
 * User code may throw anything: an error whose properties are getters that throw, a revoked Proxy, a gigabyte of text, an
 * error that is its own cause. Nothing in here throws, whatever it is given, and what it gives is short.
 */

/** Longer messages nobody reads; they stand in several logs and events at a time. */
const MOST_CHARACTERS = 10_000
/** So many errors inside others are looked at. */
const MOST_CAUSES = 10
/** What loggers and inspectors read of an error, beside its name, message, stack and cause. */
const PRINTED = ['code', 'errors', 'toJSON', 'toString', 'constructor']

/** `instanceof`, which asks a Proxy, and a class with a `Symbol.hasInstance`. */
export function isInstanceOf<C>(value: unknown, kind: abstract new (...args: never) => C): value is C {
  try {
    return value instanceof kind
  } catch {
    return false
  }
}

/** Also of another realm, such as that of a test runner. */
export function isError(thrown: unknown): thrown is Error {
  return types.isNativeError(thrown) || isInstanceOf(thrown, Error)
}

/** A property; undefined where reading it throws. */
export function fieldOf(value: unknown, name: string): unknown {
  try {
    return (value as Readonly<Record<string, unknown>> | null | undefined)?.[name]
  } catch {
    return undefined
  }
}

/** The words of anything that was thrown, for a message. */
export function messageOf(thrown: unknown): string {
  return shortText(wordsOf(thrown) ?? kindOf(thrown), MOST_CHARACTERS)
}

/**
 * What kind of thing a function of the user's threw, `TypeError` or `Error ECONNREFUSED`. Its words are left to `cause`:
 * the function was given values, and a driver that cannot connect prints what it was to connect with.
 */
export function kindOf(thrown: unknown): string {
  if (!isError(thrown)) return `a thrown ${thrown === null ? 'null' : typeof thrown}`
  const words = [fieldOf(thrown, 'name'), fieldOf(thrown, 'code')].filter(
    (word) => typeof word === 'string' && /^\w{1,40}$/.test(word),
  )
  return words.join(' ') || 'Error'
}

/** Where an error was made: its stack without its words. */
export function framesOf(error: unknown): string {
  const stack = fieldOf(error, 'stack')
  if (typeof stack !== 'string') return ''
  // it begins with the message, however long that is
  const lines = stack.slice(-MOST_CHARACTERS).split('\n')
  return lines.filter((line) => /^\s+at /.test(line)).join('\n')
}

/** What was thrown as an error that anybody can read: itself where that is one, an error that describes it otherwise. */
export function errorOf(thrown: unknown): Error {
  if (isError(thrown) && isReadable(thrown) && textOfField(thrown, 'message') !== '') return thrown
  return describing(thrown)
}

/** The same for a `cause`, which may be no error: only what would throw when it is read is replaced. */
export function readableCause(cause: unknown): unknown {
  return isReadable(cause) ? cause : describing(cause)
}

function describing(thrown: unknown): Error {
  // what cannot be read stays out, since those who print an error print its cause
  const error = new Error(messageOf(thrown), isReadable(thrown) ? { cause: thrown } : undefined)
  const frames = framesOf(thrown)
  if (frames !== '') error.stack = `${error.name}: ${error.message}\n${frames}`
  return error
}

/** Whether those who print it get through, as far as they go. A Proxy may throw at whatever is asked of it. */
function isReadable(value: unknown): boolean {
  const seen = new Set<unknown>()
  try {
    for (let next = value; isObjectLike(next) && !seen.has(next); next = next['cause']) {
      if (types.isProxy(next)) return false
      if (seen.size === MOST_CAUSES) return true
      seen.add(next)
      const { name, message, stack } = next
      for (const other of PRINTED) void next[other]
      if (isError(next) && !isText(name, message, stack ?? '')) return false
    }
    return true
  } catch {
    return false
  }
}

function isText(...values: readonly unknown[]): boolean {
  return values.every((value) => typeof value === 'string')
}

/** undefined where it has none. */
function wordsOf(thrown: unknown): string | undefined {
  if (!isError(thrown)) return textOf(thrown)
  return textOfField(thrown, 'message') || wordsOfSeveral(thrown)
}

/** Of an error without a message, as Node makes when none of several addresses can be reached. */
function wordsOfSeveral(error: Error): string | undefined {
  const several = fieldOf(error, 'errors')
  if (!isList(several)) return undefined
  const words = new Set<string>()
  for (let index = 0; index < MOST_CAUSES; index++) {
    const inner = fieldOf(several, String(index))
    const text = isError(inner) ? textOfField(inner, 'message') || kindOf(inner) : textOf(inner)
    if (inner !== undefined && text) words.add(shortText(text, MOST_CHARACTERS))
  }
  return [...words].join('; ') || undefined
}

function textOfField(value: unknown, name: string): string {
  return textOf(fieldOf(value, name) ?? '') ?? ''
}

/** undefined for an object without a prototype, or with a `toString` that throws. */
function textOf(value: unknown): string | undefined {
  try {
    return String(value)
  } catch {
    return undefined
  }
}

/** Asking a Proxy that was revoked throws. */
function isList(value: unknown): boolean {
  try {
    return Array.isArray(value)
  } catch {
    return false
  }
}

function isObjectLike(value: unknown): value is Readonly<Record<string, unknown>> {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}
