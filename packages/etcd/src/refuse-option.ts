import { EtcdError } from './errors.ts'

/** The error for an unusable option. `what` names it and never contains a password or a key. */
export function refuse(what: string, cause?: unknown): EtcdError {
  return new EtcdError('invalid_option', { what, cause })
}

/**
 * Describes a user's value for an error: numbers and booleans literally, anything else by its kind, as it may
 * be secret.
 */
export function shown(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean' || value == null) return String(value)
  if (typeof value === 'string') return value === '' ? 'an empty text' : 'a text'
  if (typeof value !== 'object') return `a ${typeof value}`
  return isList(value) ? 'a list' : 'an object'
}

/** `Array.isArray`, but false for a revoked proxy, for which it throws. */
function isList(value: object): boolean {
  try {
    return Array.isArray(value)
  } catch {
    return false
  }
}

/** False for lists, dates, promises, maps and signals, whose contents would be ignored. */
export function isPlain(given: unknown): given is object {
  try {
    return (
      typeof given === 'object' &&
      given !== null &&
      Object.prototype.toString.call(given) === '[object Object]'
    )
  } catch {
    return false
  }
}

/**
 * Refuses unknown names in a group of options; a misspelt name would otherwise be ignored silently.
 *
 * @throws EtcdError `invalid_option`, also if `given` is no object
 */
export function assertKnown(group: string, names: readonly string[], given: unknown): void {
  if (given === undefined) return
  if (!isPlain(given)) {
    const isOther = shown(given) === 'an object'
    const expected = isOther ? 'a plain object: its contents would be ignored' : 'an object'
    throw refuse(`${group === '' ? 'options' : group} is ${shown(given)}, not ${expected}`)
  }
  const unknown = Object.keys(given).find((name) => !names.includes(name))
  if (unknown === undefined) return
  const path = `${group === '' ? '' : `${group}.`}${unknown.slice(0, 100)}`
  throw refuse(`there is no option ${path}, only ${names.join(', ')}`)
}

/** @throws EtcdError `invalid_option` if `given` lacks one of the methods; `undefined` counts as not given */
export function assertMethods(name: string, given: unknown, methods: readonly string[]): void {
  if (given === undefined) return
  const has = (method: string) =>
    typeof given === 'object' && given !== null && typeof Reflect.get(given, method) === 'function'
  if (!methods.every(has))
    throw refuse(`${name} is ${shown(given)}, not an object with ${methods.join(', ')}`)
}

/** The longest delay Node's timers accept, in milliseconds. */
export const LONGEST_MS = 2 ** 31 - 1

/**
 * Returns the number given, or the default. @throws EtcdError `invalid_option` if it is outside its bounds
 */
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
