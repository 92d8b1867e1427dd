/**
 * Freezes, in place, what several listeners or subscribers get, with all objects and lists inside, down to those that are frozen
 * already; instances of classes, such as errors, stay as they are.
 */
export function deepFrozen<V>(value: V): V {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  const prototype: unknown = Object.getPrototypeOf(value)
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return value
  for (const part of Object.values(Object.freeze(value))) deepFrozen(part)
  return value
}
