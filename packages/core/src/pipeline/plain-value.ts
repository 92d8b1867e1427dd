import { WrittenScalar } from '../format/written-scalar.ts'
import { bareObject, isPlainObject } from './document.ts'
import { heldNames } from './name-order.ts'

/**
 * A value that no schema reads: as it is, names in order and without those that no object can hold, scalars without the
 * text they were written with.
 */
export function plainValue(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  // one that no number holds exactly is text, as it is in JSON
  if (value instanceof WrittenScalar)
    return typeof value.value === 'bigint' ? String(value.value) : value.value
  if (Array.isArray(value)) {
    const items = value.map(plainValue)
    return items.every((item, index) => Object.is(item, value[index])) ? value : items
  }
  if (!isPlainObject(value)) return value
  const names = heldNames(value)
  const parts = names.map((name) => plainValue(value[name]))
  const own = Object.keys(value)
  const isPlain = (name: string, index: number) => own[index] === name && Object.is(parts[index], value[name])
  if (own.length === names.length && names.every(isPlain)) return value
  return Object.fromEntries(names.map((name, index) => [name, parts[index]]))
}

/** Both sides of an intersection read the same tree; where they differ, the side that made more than text of it is right. */
export function mergeInputs(left: unknown, right: unknown): unknown {
  if (left === right) return left
  if (isPlainObject(left) && isPlainObject(right)) {
    const merged = Object.assign(bareObject(), left)
    for (const [name, value] of Object.entries(right)) {
      merged[name] = Object.hasOwn(left, name) ? mergeInputs(left[name], value) : value
    }
    return merged
  }
  if (left === undefined) return right
  return typeof left === 'string' && right !== undefined ? right : left
}

/**
 * What zod is given where exactly one option of a union may take a value, and these are the inputs of those that take it:
 * all that any of them knows, so that zod can say that there is more than one.
 */
export function exclusiveInput(taken: readonly unknown[]): unknown {
  return isPlainObject(taken[0]) ? taken.filter(isPlainObject).reduce(mergeInputs as MergeObjects) : taken[0]
}

type MergeObjects = (left: Record<string, unknown>, right: Record<string, unknown>) => Record<string, unknown>
