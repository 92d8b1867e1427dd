import { isLoggerLike } from './to-logger.ts'

/** What an option has to be, and how that is said to the one who gave something else. */
export interface OptionKind {
  readonly expected: string
  readonly test: (value: unknown) => boolean
  /** What was given may be shown: it cannot be a secret, unless one was put in the wrong place. */
  readonly isShown?: boolean
}

/** An object that is no list. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const text: OptionKind = {
  expected: 'text that is not empty',
  test: (value) => typeof value === 'string' && value !== '',
}
/** Stands in messages, on pages and in metrics. */
export const name: OptionKind = {
  expected: 'a name of 1 to 200 characters',
  test: (value) => typeof value === 'string' && value !== '' && value.length <= 200,
}
export const flag: OptionKind = { expected: 'true or false', test: (value) => typeof value === 'boolean' }
export const list: OptionKind = { expected: 'a list', test: Array.isArray }
export const callback: OptionKind = { expected: 'a function', test: (value) => typeof value === 'function' }
export const listOfTexts: OptionKind = {
  expected: 'a list of texts that are not empty',
  test: (value) => Array.isArray(value) && value.every(text.test),
}
export const milliseconds: OptionKind = {
  expected: 'a number of milliseconds, 0 or more',
  test: (value) => typeof value === 'number' && value >= 0,
  isShown: true,
}
export const oneOf = (...allowed: readonly string[]): OptionKind => ({
  expected: `one of ${allowed.map((each) => `'${each}'`).join(', ')}`,
  test: (value) => allowed.includes(value as string),
  isShown: true,
})
/** An object with at least these methods. */
export const withMethods = (...names: readonly string[]): OptionKind => ({
  expected: `an object with ${names.map((name) => `${name}()`).join(', ')}`,
  test: (value) => isObject(value) && names.every((name) => typeof value[name] === 'function'),
})
export const abortSignal: OptionKind = {
  expected: 'an AbortSignal',
  test: (value) =>
    isObject(value) &&
    typeof value['aborted'] === 'boolean' &&
    typeof value['addEventListener'] === 'function',
}
export const logger: OptionKind = {
  expected:
    "false, or a logger: console, pino, winston, Fastify's or Nest's, or an object with debug(), info(), warn() and error()",
  test: (value) => value === false || isLoggerLike(value),
}
