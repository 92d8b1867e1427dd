import { EtcdError } from './errors.ts'

/** An option that cannot be used. `what` names it; it never repeats a password or a key. */
export function refuse(what: string, cause?: unknown): EtcdError {
  return new EtcdError('invalid_option', { what, cause })
}

/** What may be said of a value that somebody gave: a number as it is, of all else only the kind. */
export function shown(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean' || value == null) return String(value)
  if (typeof value === 'string') return value === '' ? 'an empty text' : 'a text'
  if (typeof value !== 'object') return `a ${typeof value}`
  return isList(value) ? 'a list' : 'an object'
}

/** As `Array.isArray`, which throws for a proxy that was revoked. */
function isList(value: object): boolean {
  try {
    return Array.isArray(value)
  } catch {
    return false
  }
}

/**
 * Throws when `given` is no object, or has a name that is not in `names`: a misspelt one would otherwise be ignored
 * without a word.
 */
export function assertKnown(group: string, names: readonly string[], given: unknown): void {
  if (given === undefined) return
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw refuse(`${group === '' ? 'options' : group} is ${shown(given)}, not an object`)
  }
  const unknown = Object.keys(given).find((name) => !names.includes(name))
  if (unknown === undefined) return
  const path = `${group === '' ? '' : `${group}.`}${unknown.slice(0, 100)}`
  throw refuse(`there is no option ${path}, only ${names.join(', ')}`)
}

/** Throws when `given` lacks one of the methods. `undefined` is no option at all. */
export function assertMethods(name: string, given: unknown, methods: readonly string[]): void {
  if (given === undefined) return
  const has = (method: string) =>
    typeof given === 'object' && given !== null && typeof Reflect.get(given, method) === 'function'
  if (!methods.every(has))
    throw refuse(`${name} is ${shown(given)}, not an object with ${methods.join(', ')}`)
}

/** Timers of Node take no more, in milliseconds. */
export const LONGEST_MS = 2 ** 31 - 1

/** The number given, within its bounds, or the default. */
export function number(
  name: string,
  value: unknown,
  otherwise: number,
  { least, most = Number.MAX_SAFE_INTEGER }: { least: number; most?: number },
): number {
  if (value === undefined) return otherwise
  if (typeof value === 'number' && value >= least && value <= most) return value
  const upTo = most === Number.MAX_SAFE_INTEGER ? 'on' : `to ${most}`
  throw refuse(`${name} is ${shown(value)}, not a number from ${least} ${upTo}`)
}
