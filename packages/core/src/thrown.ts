import { types } from 'node:util'
import { shortText } from './short-text.ts'

/**
 * User code may throw anything: an error whose getters throw, a revoked Proxy, a gigabyte of text, an error that is its own
 * cause. No function in this file throws, whatever it is given, and every returned text is bounded.
 */

/** Nobody reads a longer message, and each one is copied to several logs and events. */
const MOST_CHARACTERS = 10_000
/** At most this many nested causes are inspected. */
const MOST_CAUSES = 10
/** Properties of an error that loggers and inspectors read besides name, message, stack and cause. */
const PRINTED = ['code', 'errors', 'toJSON', 'toString', 'constructor']

/** `instanceof` that returns false where a Proxy trap or `Symbol.hasInstance` throws. */
export function isInstanceOf<C>(value: unknown, kind: abstract new (...args: never) => C): value is C {
  try {
    return value instanceof kind
  } catch {
    return false
  }
}

/** Whether the value is an `Error`, also one of another realm, such as a test runner's. */
export function isError(thrown: unknown): thrown is Error {
  return types.isNativeError(thrown) || isInstanceOf(thrown, Error)
}

/** Reads a property; returns undefined if reading it throws. */
export function fieldOf(value: unknown, name: string): unknown {
  try {
    return (value as Readonly<Record<string, unknown>> | null | undefined)?.[name]
  } catch {
    return undefined
  }
}

/** Returns the message of anything that was thrown, shortened to 10,000 characters. */
export function messageOf(thrown: unknown): string {
  return shortText(wordsOf(thrown) ?? kindOf(thrown), MOST_CHARACTERS)
}

/** Removes the full stop at the end of a message that becomes a part of a longer sentence. */
export function withoutStop(text: string): string {
  return text.endsWith('.') && !text.endsWith('..') ? text.slice(0, -1) : text
}

/**
 * Names the kind of a thrown value: `TypeError` or `Error ECONNREFUSED`. Omits its message, which may quote a secret: a
 * database driver that cannot connect may print its connection string. The message stays available in `cause`.
 */
export function kindOf(thrown: unknown): string {
  if (!isError(thrown)) return `a thrown ${thrown === null ? 'null' : typeof thrown}`
  const words = [fieldOf(thrown, 'name'), fieldOf(thrown, 'code')].filter(
    (word) => typeof word === 'string' && /^\w{1,40}$/.test(word),
  )
  return words.join(' ') || 'Error'
}

/** Returns the stack frames of an error, without its message. */
export function framesOf(error: unknown): string {
  const stack = fieldOf(error, 'stack')
  if (typeof stack !== 'string') return ''
  // The stack begins with the message, which may be long.
  const lines = stack.slice(-MOST_CHARACTERS).split('\n')
  return lines.filter((line) => /^\s+at /.test(line)).join('\n')
}

/** The stack frames of the user function that threw, without those of whoever made livetree call it. */
export function placeOf(error: unknown): string {
  if (!isError(error)) return ''
  const lines = framesOf(error).split('\n')
  const end = lines.findIndex((line) => line.includes('callIsolated'))
  return (end === -1 ? lines : lines.slice(0, end)).join('\n')
}

/** Returns the thrown value if it is a readable error with a message, otherwise a new error that describes it. */
export function errorOf(thrown: unknown): Error {
  if (isError(thrown) && isReadable(thrown) && textOfField(thrown, 'message') !== '') return thrown
  return describing(thrown)
}

/** Like `errorOf`, for a `cause`, which need not be an error: replaces only a value that throws when it is read. */
export function readableCause(cause: unknown): unknown {
  return isReadable(cause) ? cause : describing(cause)
}

function describing(thrown: unknown): Error {
  // Loggers print the cause of an error, so an unreadable cause is left out.
  const error = new Error(messageOf(thrown), isReadable(thrown) ? { cause: thrown } : undefined)
  const frames = framesOf(thrown)
  if (frames !== '') error.stack = `${error.name}: ${error.message}\n${frames}`
  return error
}

/** Whether a logger can read the value and its causes without an exception. A Proxy may throw on any operation. */
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

/** Returns undefined if there is no message. */
function wordsOf(thrown: unknown): string | undefined {
  if (!isError(thrown)) return textOf(thrown)
  return textOfField(thrown, 'message') || wordsOfSeveral(thrown)
}

/** Joins the messages of `errors`. Node creates an error without a message if none of several addresses is reachable. */
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

/** Returns undefined for an object without a prototype, or whose `toString` throws. */
function textOf(value: unknown): string | undefined {
  try {
    return String(value)
  } catch {
    return undefined
  }
}

/** `Array.isArray` that returns false for a revoked Proxy, for which it throws. */
export function isList(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value)
  } catch {
    return false
  }
}

function isObjectLike(value: unknown): value is Readonly<Record<string, unknown>> {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}
