import { isDeepStrictEqual, types } from 'node:util'
import { WrittenScalar } from '../format/written-scalar.ts'
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
  if (Array.isArray(a)) return Array.isArray(b) && isSameList(a, b, isSame)
  if (a instanceof Map) return b instanceof Map && isSameList([...a].flat(), [...b].flat(), isSame)
  if (a instanceof Set) return b instanceof Set && isSameList([...a], [...b], isSame)
  if (isPlainObject(a)) {
    if (!isPlainObject(b)) return false
    const names = Object.keys(a)
    return isSameList(names, Object.keys(b), Object.is) && names.every((name) => isSame(a[name], b[name]))
  }
  if (a instanceof Sealed) return b instanceof Sealed && isSame(a.reveal(), b.reveal())
  if (WRITTEN.some((kind) => a instanceof kind && b instanceof kind)) return String(a) === String(b)
  const isCompared = types.isTypedArray(a) || COMPARED.some((kind) => a instanceof kind && b instanceof kind)
  return isCompared && isDeepStrictEqual(a, b)
}

const COMPARED = [Date, WrittenScalar, Unreadable] as const
/** Their content is their text; what else they hold may differ. */
const WRITTEN = [URL, URLSearchParams] as const

export function isSameList(
  a: readonly unknown[],
  b: readonly unknown[],
  isSame: (one: unknown, other: unknown) => boolean,
): boolean {
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index++) if (!isSame(a[index], b[index])) return false
  return true
}
