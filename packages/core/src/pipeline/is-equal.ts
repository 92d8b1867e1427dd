import { isDeepStrictEqual, types } from 'node:util'
import { isBuiltInArray } from '../format/own-copy.ts'
import { WrittenScalar } from '../format/written-scalar.ts'
import { isReadBytes } from '../schema/bytes-text.ts'
import { Sealed } from '../sealed.ts'
import { Unreadable } from '../source/source.ts'
import { isPlainObject, MAX_DEPTH } from './document.ts'

/**
 * Whether two values have the same content, in the same order: raw ones, or parts of two values of a configuration.
 * Instances of classes of its own may hold what nobody can look at, so that only one and the same is equal.
 */
export function isEqual(a: unknown, b: unknown): boolean {
  try {
    return saysSame(a, b, 0)
  } catch {
    // an instance of a class of its own, or a Proxy of one, may throw when it is looked at
    return false
  }
}

function saysSame(a: unknown, b: unknown, depth: number): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  // no value that is read is deeper, but one that holds itself
  if (depth > MAX_DEPTH) return false
  const isSame = (one: unknown, other: unknown) => saysSame(one, other, depth + 1)
  if (isPlainList(a)) return isPlainList(b) && isSameList(a, b, isSame)
  if (isPlainObject(a)) {
    if (!isPlainObject(b)) return false
    const names = Object.keys(a)
    return isSameList(names, Object.keys(b), Object.is) && names.every((name) => isSame(a[name], b[name]))
  }
  // An instance of a class that extends one of these may hold more than it shows.
  const prototype: unknown = Object.getPrototypeOf(a)
  if (prototype !== Object.getPrototypeOf(b)) return false
  switch (prototype) {
    case Map.prototype:
      return isSameList(
        [...(a as Map<unknown, unknown>)].flat(),
        [...(b as Map<unknown, unknown>)].flat(),
        isSame,
      )
    case Set.prototype:
      return isSameList([...(a as Set<unknown>)], [...(b as Set<unknown>)], isSame)
    case Sealed.prototype:
      return isSame((a as Sealed<unknown>).reveal(), (b as Sealed<unknown>).reveal())
    case URL.prototype:
    case URLSearchParams.prototype:
      return String(a) === String(b)
    case Date.prototype:
    case WrittenScalar.prototype:
    case Unreadable.prototype:
      return isDeepStrictEqual(a, b)
    default:
      return isPlainBytes(a) && isPlainBytes(b) && isDeepStrictEqual(a, b)
  }
}

/** A list of the built-in class: an instance of one that extends it may hold more than its items. */
export function isPlainList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && Object.getPrototypeOf(value) === Array.prototype
}

/** Bytes or numbers that hold nothing else: of a built-in class, or of any that were made from a text alone. */
function isPlainBytes(value: object): boolean {
  return types.isTypedArray(value) && (isBuiltInArray(value) || isReadBytes(value))
}

export function isSameList(
  a: readonly unknown[],
  b: readonly unknown[],
  isSame: (one: unknown, other: unknown) => boolean,
): boolean {
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index++) if (!isSame(a[index], b[index])) return false
  return true
}
