import { isList } from './thrown.ts'
import { isLoggerLike } from './to-logger.ts'

/** A check for the value of an option. */
export interface OptionKind {
  /** Describes valid values, for the error message: `expected a function`. */
  readonly expected: string
  readonly test: (value: unknown) => boolean
  /** Whether the message may show an invalid value, because values of this option are not secret. Default false. */
  readonly isShown?: boolean
}

/** Whether the value is an object and not a list. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !isList(value)
}

/** A non-empty string. */
export const text: OptionKind = {
  expected: 'text that is not empty',
  test: (value) => typeof value === 'string' && value !== '',
}
/** A non-empty string, short enough for messages, web pages and metrics, that UTF-8 can hold. */
export const name: OptionKind = {
  expected: 'a name of 1 to 200 characters, without lone surrogates',
  test: (value) => typeof value === 'string' && value !== '' && value.length <= 200 && value.isWellFormed(),
}
/** A boolean. */
export const flag: OptionKind = { expected: 'true or false', test: (value) => typeof value === 'boolean' }
/** An array of anything. */
export const list: OptionKind = { expected: 'a list', test: Array.isArray }
/** A function. */
export const callback: OptionKind = { expected: 'a function', test: (value) => typeof value === 'function' }
/** An array of non-empty strings. */
export const listOfTexts: OptionKind = {
  expected: 'a list of texts that are not empty',
  test: (value) => Array.isArray(value) && value.every(text.test),
}
/** A duration in milliseconds; `Infinity` is allowed. */
export const milliseconds: OptionKind = {
  expected: 'a number of milliseconds, 0 or more',
  test: (value) => typeof value === 'number' && value >= 0,
  isShown: true,
}
/** One of the given strings. */
export function oneOf(...allowed: readonly string[]): OptionKind {
  return {
    expected: `one of ${allowed.map((each) => `'${each}'`).join(', ')}`,
    test: (value) => allowed.includes(value as string),
    isShown: true,
  }
}

/** An object with at least the named methods. */
export function withMethods(...names: readonly string[]): OptionKind {
  return {
    expected: `an object with ${names.map((name) => `${name}()`).join(', ')}`,
    test: (value) => isObject(value) && names.every((name) => typeof value[name] === 'function'),
  }
}

/** An `AbortSignal`, also of another realm. */
export const abortSignal: OptionKind = {
  expected: 'an AbortSignal',
  test: (value) =>
    isObject(value) &&
    typeof value['aborted'] === 'boolean' &&
    typeof value['addEventListener'] === 'function',
}
/** A logger of a known kind, or `false`. */
export const logger: OptionKind = {
  expected:
    "false, or a logger: console, pino, winston, Fastify's or Nest's, or an object with debug(), info(), warn() and error()",
  test: (value) => value === false || isLoggerLike(value),
}
