import { whenSettled } from './callback.ts'
import { fieldOf, framesOf, isError, isList, messageOf } from './thrown.ts'
import { type Level, LEVELS, levelsOfPino, levelsOfWinston, nearestLevel } from './level-names.ts'
import type { Logger } from './source/source.ts'

/** A logger like Nest's `LoggerService`: `log` instead of `info`, and the stack as second argument of `error`. */
export interface NestStyleLogger {
  log(message: string, ...more: string[]): unknown
  warn(message: string, ...more: string[]): unknown
  error(message: string, ...more: (string | undefined)[]): unknown
  debug?(message: string, ...more: string[]): unknown
}

/**
 * What the option `logger` accepts: console, pino and winston (also with levels of their own), bunyan, log4js, consola,
 * Fastify's `log`, Nest's `Logger` or `LoggerService`, or your own object with `debug`, `info`, `warn` and `error`, which
 * are called with a message and an object of details.
 */
export type LoggerLike = Logger | NestStyleLogger

type Details = Readonly<Record<string, unknown>>
type Method = (...args: unknown[]) => unknown
type Methods = Readonly<Record<string, unknown>>

/** Calls one kind of logger. */
type Dialect = (target: Methods, level: Level, message: string, details: Details) => unknown

/** Whether the value is a logger of a known kind or has the methods of `Logger`. */
export function isLoggerLike(value: unknown): value is LoggerLike {
  return (
    (typeof value === 'object' || typeof value === 'function') &&
    value !== null &&
    isCallable(value as Methods)
  )
}

function isCallable(target: Methods): boolean {
  if (isWinston(target) || isPino(target)) return true
  return isNestStyle(target) || has(target, ...LEVELS)
}

/**
 * Adapts any supported logger to `Logger`. If it throws or rejects, `onFailure` is called, which must not throw. Methods
 * are looked up for each call, because a logger may replace them when its level changes.
 */
export function toLogger(given: LoggerLike, onFailure: (cause: unknown) => void = () => {}): Logger {
  const target = given as unknown as Methods
  const dialect = dialectOf(target)
  const say =
    (level: Level) =>
    (message: string, details: Details = {}) => {
      try {
        const result = dialect(target, level, message, withoutUndefined(details))
        // taken over only to keep a rejection from ending the process
        void whenSettled(result, onFailure)
      } catch (cause) {
        onFailure(cause)
      }
    }
  return Object.freeze({ debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') })
}

function dialectOf(target: Methods): Dialect {
  if (isWinston(target)) return callWinston
  if (isPino(target) || has(target, 'child', 'fatal', 'trace')) return callObjectFirst
  if (isNestStyle(target)) return callNestStyle
  return FORMATTING.some((methods) => has(target, ...methods)) ? callFormatting : callMessageFirst
}

/** Loggers that read `%s` in their first text, each by methods that only it has. */
const FORMATTING: readonly (readonly string[])[] = [
  ['table', 'groupEnd'], // console
  ['addContext', 'isLevelEnabled'], // log4js
  ['withTag', 'mockTypes'], // consola
  ['setDefaultLevel', 'enableAll'], // loglevel
  ['unscope', 'timeEnd'], // signale
]

/** Whether it is pino, which may have levels of its own instead of `info` and the others. */
function isPino(target: Methods): boolean {
  return has(target, 'child', 'bindings') && levelsOfPino(target).length > 0
}

function isWinston(target: Methods): boolean {
  return has(target, 'log', 'child') && isList(fieldOf(target, 'transports'))
}

function isNestStyle(target: Methods): boolean {
  return has(target, 'log', 'warn', 'error') && typeof fieldOf(target, 'info') !== 'function'
}

function callMessageFirst(target: Methods, level: Level, message: string, details: Details): unknown {
  return call(target, level, message, details)
}

/** The message is passed as an argument of `%s`, so that a key such as `/a%2Fb%sale` is not read as a format. */
function callFormatting(target: Methods, level: Level, message: string, details: Details): unknown {
  return call(target, level, '%s', message, details)
}

/** pino, bunyan and Fastify print an error in full if its property is called `err`. */
function callObjectFirst(target: Methods, level: Level, message: string, details: Details): unknown {
  const { error, cause = error, ...rest } = details
  const fields = isError(cause) ? { ...rest, err: cause } : { ...rest, ...(cause !== undefined && { cause }) }
  return call(target, nearestLevel(level, levelsOfPino(target)) ?? level, fields, message)
}

/** Passes one object, because winston reads a separate message as a format. Errors in it become plain objects, because winston prints an `Error` as `{}`. */
function callWinston(target: Methods, level: Level, message: string, details: Details): unknown {
  const name = nearestLevel(level, levelsOfWinston(target)) ?? level
  const plain = Object.entries(details).map(([key, value]) => [
    key,
    isError(value) ? plainError(value) : value,
  ])
  return call(target, 'log', { ...Object.fromEntries(plain), level: name, message })
}

/** Nest prints text: primitive details are appended to the message, and an error's stack is passed as second argument. */
function callNestStyle(target: Methods, level: Level, message: string, details: Details): unknown {
  const { error, cause = error, ...rest } = details
  const words = Object.entries(rest)
    .filter(([, value]) => !isObjectLike(value))
    .map(([key, value]) => `${key}: ${String(value)}`)
  const isFailure = level === 'error'
  if (cause !== undefined && !isFailure) words.push(`cause: ${messageOf(cause)}`)
  const text = words.length === 0 ? message : `${message} (${words.join(', ')})`
  const method = level === 'info' ? 'log' : level
  if (method === 'debug' && typeof target['debug'] !== 'function') return undefined
  // A logger with its own context adds that by itself.
  const context = typeof target['context'] === 'string' ? [] : ['livetree']
  return isFailure
    ? call(target, method, text, stackOf(cause), ...context)
    : call(target, method, text, ...context)
}

/** @throws TypeError if the logger has lost its methods; whatever the method throws */
function call(target: Methods, name: string, ...args: unknown[]): unknown {
  const level = LEVELS.find((each) => each === name)
  const isLost = level !== undefined && !has(target, level)
  const left = isLost
    ? nearestLevel(
        level,
        LEVELS.filter((each) => has(target, each)),
      )
    : name
  return (target[left ?? name] as Method).apply(target, args)
}

/** Nest recognizes a stack by its second line, so exactly one line precedes the frames. */
function stackOf(thrown: unknown): string | undefined {
  if (thrown === undefined) return undefined
  if (!isError(thrown)) return headingOf(thrown)
  const cause = fieldOf(thrown, 'cause')
  const deeper = cause === undefined ? '' : `\n  caused by ${headingOf(cause)}`
  return `${headingOf(thrown)}\n${framesOf(thrown)}${deeper}`
}

function headingOf(thrown: unknown): string {
  const name = isError(thrown) ? fieldOf(thrown, 'name') : 'Thrown'
  return `${typeof name === 'string' ? name : 'Error'}: ${messageOf(thrown).replaceAll('\n', ' ')}`
}

function plainError(error: Error): object {
  const field = (name: string) => fieldOf(error, name)
  const inner = field('cause')
  const cause = isError(inner) ? headingOf(inner) : undefined
  return withoutUndefined({
    name: field('name'),
    message: messageOf(error),
    code: field('code'),
    cause,
    stack: field('stack'),
  })
}

function withoutUndefined(details: Details): Record<string, unknown> {
  return Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined))
}

function has(target: Methods, ...names: readonly string[]): boolean {
  return names.every((name) => typeof fieldOf(target, name) === 'function')
}

function isObjectLike(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}
