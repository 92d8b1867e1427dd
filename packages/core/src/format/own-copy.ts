import { types } from 'node:util'
import { Sealed } from '../sealed.ts'
import { Unreadable } from '../source/source.ts'

/** Gives what takes the place of a part that throws when it is read, or throws itself. */
export type OnUnreadable = (cause: unknown) => unknown

type InstanceCopy = (part: object) => unknown

type CopyOf = (part: unknown) => unknown

/** An object of which all parts have been read: its copy, which is still empty, and how its parts are put into it. */
interface Shell {
  readonly copy: unknown
  readonly fill?: (copyOf: CopyOf) => void
}

/**
 * A copy of a value that belongs to someone else, who may write to it later, or whose getters give another answer each time.
 * Every part is read exactly once. Goes down through plain objects, lists, Maps, Sets and holders of secrets; parts that
 * stand at several places, or hold themselves, do so in the copy. Dates, URLs and bytes are copied; instances of other
 * classes, functions and promises are handed on as they are. Linear in the size of the value.
 *
 * @param onUnreadable default: the part is `Unreadable`
 * @param instanceCopy copies what is no list, Map, Set or plain object
 */
export function ownCopy(
  value: unknown,
  onUnreadable: OnUnreadable = unreadablePart,
  instanceCopy: InstanceCopy = copyOfInstance,
): unknown {
  if (typeof value !== 'object' || value === null) return value
  const copies = new Map<object, unknown>()
  const open: (() => void)[] = []
  const copyOf: CopyOf = (part) => {
    if (typeof part !== 'object' || part === null) return part
    if (copies.has(part)) return copies.get(part)
    const { copy, fill } = readOnce(part, onUnreadable, instanceCopy)
    copies.set(part, copy)
    if (fill !== undefined) open.push(() => fill(copyOf))
    return copy
  }
  const copy = copyOf(value)
  for (let fill = open.pop(); fill !== undefined; fill = open.pop()) fill()
  return copy
}

/** Takes the place of a part that throws when it is read. */
export function unreadablePart(): Unreadable {
  return new Unreadable('has a part that throws when it is read')
}

/** Lets a part that throws when it is read end the copying. */
export function rethrow(cause: unknown): never {
  throw cause
}

/** A longer list, such as `new Array(4_000_000_000)`, would fill the memory. */
const MOST_ITEMS = 10_000_000

function readOnce(part: object, onUnreadable: OnUnreadable, instanceCopy: InstanceCopy): Shell {
  try {
    return shellOf(part, onUnreadable, instanceCopy)
  } catch (cause) {
    return { copy: onUnreadable(cause) }
  }
}

function shellOf(part: object, onUnreadable: OnUnreadable, instanceCopy: InstanceCopy): Shell {
  if (Array.isArray(part)) {
    if (part.length > MOST_ITEMS)
      return { copy: new Unreadable(`has a list of more than ${MOST_ITEMS.toLocaleString('en')} items`) }
    const copy: unknown[] = []
    return shell(copy, Array.from(part as unknown[]), (item, copyOf) => copy.push(copyOf(item)))
  }
  const prototype: unknown = Object.getPrototypeOf(part)
  if (prototype === Map.prototype) {
    const copy = new Map<unknown, unknown>()
    const entries = [...(part as Map<unknown, unknown>)]
    return shell(copy, entries, ([key, value], copyOf) => copy.set(copyOf(key), copyOf(value)))
  }
  if (prototype === Set.prototype) {
    const copy = new Set<unknown>()
    return shell(copy, [...(part as Set<unknown>)], (item, copyOf) => copy.add(copyOf(item)))
  }
  if (prototype === Object.prototype || prototype === null) {
    const copy = Object.create(prototype) as object
    return shell(copy, Object.entries(part), ([name, value], copyOf) => put(copy, name, copyOf(value)))
  }
  if (part instanceof Sealed) return { copy: new Sealed(ownCopy(part.reveal(), onUnreadable, instanceCopy)) }
  return { copy: instanceCopy(part) }
}

function shell<P>(copy: object, parts: readonly P[], fillIn: (part: P, copyOf: CopyOf) => unknown): Shell {
  return {
    copy,
    fill(copyOf) {
      for (const part of parts) fillIn(part, copyOf)
    },
  }
}

/** Adds a property; an assignment to `__proto__` would change the object instead. */
function put(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, writable: true, configurable: true })
}

/**
 * A copy of what livetree serves a copy of: a Date, URL, URLSearchParams, Buffer or typed array. An instance of another class,
 * also of one that extends these, may hold more than it shows, and is handed on as it is.
 */
export function copyOfInstance(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (types.isTypedArray(value)) return copyOfArray(value) ?? value
  switch (Object.getPrototypeOf(value)) {
    case Date.prototype:
      return new Date(value as Date)
    case URL.prototype:
      return new URL(value as URL)
    case URLSearchParams.prototype:
      return new URLSearchParams(value as URLSearchParams)
    default:
      return value
  }
}

type AnyArray = NodeJS.TypedArray
type ArrayClass = new (from: AnyArray) => AnyArray

/** In memory of its own; undefined for a class that is not built in. */
export function copyOfArray(array: AnyArray): AnyArray | undefined {
  const builtIn = builtInClass(array)
  if (builtIn !== undefined) return new builtIn(array)
  if (!isBuiltInArray(array)) return undefined
  // Buffer.from takes memory that others share
  const copy = Buffer.alloc(array.length)
  copy.set(array as Buffer)
  return copy
}

/** Whether a typed array is a Buffer, or of a class of the language itself, not of one that extends these. */
export function isBuiltInArray(array: AnyArray): boolean {
  return builtInClass(array) !== undefined || Object.getPrototypeOf(array) === Buffer.prototype
}

function builtInClass(array: AnyArray): ArrayClass | undefined {
  const builtIn = (globalThis as unknown as Record<string, ArrayClass>)[array[Symbol.toStringTag]]
  return Object.getPrototypeOf(array) === builtIn?.prototype ? builtIn : undefined
}
