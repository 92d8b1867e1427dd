import { ownCopy, rethrow } from '../format/own-copy.ts'
import { Sealed } from '../sealed.ts'
import { lock, lockedCopy, MAP_WRITERS, SET_WRITERS } from './lock.ts'

/**
 * A copy of a value with all that is in it, which refuses to be written as what is served does. Instances of classes that
 * livetree does not know are handed on as they are. Linear in the size of the value.
 *
 * @throws what a part throws when it is read
 */
export function frozenCopy(value: unknown): unknown {
  const copy = ownCopy(value, rethrow, (part) => lockedCopy(undefined, part) ?? part)
  const parts = new Set<unknown>([copy])
  // The set grows while it is walked.
  for (const part of parts) for (const inner of frozenParts(part)) parts.add(inner)
  return copy
}

/** Freezes the part itself, if it is a copy; returns what is in it. */
function frozenParts(part: unknown): readonly unknown[] {
  if (typeof part !== 'object' || part === null) return []
  const prototype: unknown = Object.getPrototypeOf(part)
  if (prototype === Map.prototype) return [...lock(part as Map<unknown, unknown>, MAP_WRITERS)].flat()
  if (prototype === Set.prototype) return [...lock(part as Set<unknown>, SET_WRITERS)]
  if (part instanceof Sealed) return [part.reveal()]
  if (!Array.isArray(part) && prototype !== Object.prototype && prototype !== null) return []
  return Object.values(Object.freeze(part))
}
