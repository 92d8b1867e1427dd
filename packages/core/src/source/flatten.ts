import { measure, repetitionProblem } from '../format/extent.ts'
import { encodeSegment } from '../format/key-segment.ts'
import { unsealed } from '../sealed.ts'
import { isHeldName } from '../format/held-name.ts'
import { copyOfInstance } from '../format/own-copy.ts'
import { type Leaf, Unreadable } from './source.ts'

/** Deeper documents are refused: no hand-written tree is so deep. */
const MAX_DEPTH = 100

/** Why an object cannot be read that has a name no key can have. */
export const BAD_NAME = 'a name that is empty or not a scalar'
const TOO_DEEP = `nested more than ${MAX_DEPTH} levels deep`
const ENDLESS = 'nested inside itself'

/** Whether something is an object of which `flatten` could not read what is in it. */
export function isUnreadObject(value: unknown): boolean {
  return value instanceof Unreadable && [BAD_NAME, TOO_DEEP, ENDLESS].includes(value.reason)
}

/**
 * Turns nested plain objects and maps into leaves, one for each value that is not itself a plain object or map. Lists
 * and class instances (Date, Uint8Array, Set) are one leaf. An empty object is a leaf too, except at the root: it says that
 * the object is there. What holds itself is one unreadable leaf, at the highest name that leads to it.
 */
export function flatten(value: unknown): Leaf[] {
  const leaves: Leaf[] = []
  const add = (path: string, leaf: unknown) => leaves.push({ path, value: leaf, revision: 0 })

  const extent = measure(value)
  const repetition = repetitionProblem(extent)
  const walk = (given: unknown, path: string, depth: number, isHeld = true) => {
    const node = unsealed(given)
    const entries = entriesOf(node)
    const isLeaf = depth > 0 || entries === undefined
    if (isLeaf && extent.isEndlessAt(node)) return add(path, new Unreadable(ENDLESS))
    if (entries === undefined || entries.length === 0) {
      if (path !== '' || entries === undefined) add(path, plainOf(node, depth))
      return
    }
    if (depth >= MAX_DEPTH) return add(path, new Unreadable(TOO_DEEP))
    const segments = entries.map(([name]) => segmentOf(name))
    // The object cannot be read: what else is in it would seem to stand below a value.
    if (segments.includes(undefined)) return add(path, new Unreadable(BAD_NAME))
    // An object of which the tree can hold no name is there all the same, as an empty one is.
    if (isHeld && path !== '' && !segments.some(isHeldName)) add(path, {})
    for (const [index, segment] of segments.entries()) {
      const inner = path === '' ? `${segment}` : `${path}/${segment}`
      walk(entries[index]?.[1], inner, depth + 1, isHeld && isHeldName(segment))
    }
  }
  if (repetition === undefined) walk(value, '', 0)
  else add('', new Unreadable(repetition))
  return leaves
}

/** The parts of a plain object or map; undefined for everything else. */
export function entriesOf(node: unknown): [unknown, unknown][] | undefined {
  if (node instanceof Map) return [...node]
  if (typeof node !== 'object' || node === null) return undefined
  const prototype: unknown = Object.getPrototypeOf(node)
  return prototype === Object.prototype || prototype === null ? Object.entries(node) : undefined
}

/** A segment of a path, or undefined where a name cannot be one. */
function segmentOf(name: unknown): string | undefined {
  const isScalar = ['string', 'number', 'bigint', 'boolean'].includes(typeof name)
  if (!isScalar || name === '') return undefined
  return encodeSegment(String(name))
}

/**
 * The value of a leaf, as a copy, since the one who gave it may write to it later: maps inside lists become objects.
 * Instances of other classes are handed on as they are.
 */
function plainOf(given: unknown, depth: number): unknown {
  const value = unsealed(given)
  if (depth >= MAX_DEPTH) return new Unreadable(TOO_DEEP)
  if (Array.isArray(value)) return Array.from(value, (item) => plainOf(item, depth + 1))
  if (value instanceof Set) return new Set(Array.from(value, (item) => plainOf(item, depth + 1)))
  const entries = entriesOf(value)
  if (entries === undefined) return copyOfInstance(value)
  const object: Record<string, unknown> = {}
  for (const [name, item] of entries) {
    // an assignment to `__proto__` would change the object instead of adding a key
    const property = { value: plainOf(item, depth + 1), enumerable: true, writable: true, configurable: true }
    Object.defineProperty(object, String(name), property)
  }
  return object
}
