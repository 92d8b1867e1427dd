import {
  FlagNotFoundError,
  type FlagValue,
  type ResolutionDetails,
  StandardResolutionReasons,
  TypeMismatchError,
} from '@openfeature/server-sdk'
import { changedNames, type FlagFormat, type Flags, hasNames, ownPart, type Question } from './flags.ts'

/** Each property of the part is a flag, and its value the flag's. */
export const PLAIN_FLAGS: FlagFormat = {
  problemOf: (part) => (hasNames(part) ? undefined : 'has no names'),
  open: (part) => new PlainFlags(part),
  changedBetween: changedNames,
}

class PlainFlags implements Flags {
  readonly #part: object

  constructor(part: object) {
    this.#part = part
  }

  resolve<V extends FlagValue>({ type, key, defaultValue }: Question<V>): ResolutionDetails<V> {
    const value = ownPart(this.#part, key)
    if (value === undefined) throw new FlagNotFoundError(`There is no flag "${key}"`)
    // As flagd has it: null leaves the value to the application.
    if (value === null) return { value: defaultValue, reason: StandardResolutionReasons.DEFAULT }
    const kind = kindOf(value)
    if (kind !== type)
      throw new TypeMismatchError(`The flag "${key}" is ${kind ?? 'no flag value'}, not ${type}`)
    return { value: value as V, reason: StandardResolutionReasons.STATIC }
  }
}

/** The type of a flag with that value; undefined for what JSON has not, such as a date, a map or a sealed secret. */
function kindOf(value: unknown): string | undefined {
  const type = typeof value
  if (type !== 'object')
    return type === 'boolean' || type === 'string' || type === 'number' ? type : undefined
  if (Array.isArray(value)) return 'object'
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null ? 'object' : undefined
}
