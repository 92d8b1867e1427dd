import { lock, MAP_WRITERS, SET_WRITERS } from '../schema/lock.ts'

/**
 * Freezes, in place, what several parties get: an event, a message, a status. With it all objects, lists, maps and sets inside,
 * down to those that are frozen already, as values of a configuration are; instances of other classes, such as errors, stay as
 * they are.
 */
export function deepFrozen<V>(value: V): V {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  const parts = lockedParts(value)
  for (const part of parts) deepFrozen(part)
  return value
}

/** Freezes the value itself; returns what is in it. */
function lockedParts(value: object): readonly unknown[] {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Map.prototype) return [...lock(value as Map<unknown, unknown>, MAP_WRITERS)].flat()
  if (prototype === Set.prototype) return [...lock(value as Set<unknown>, SET_WRITERS)]
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return []
  return Object.values(Object.freeze(value))
}
