import { unreadablePart } from './own-copy.ts'
import { Unreadable } from '../source/source.ts'

/** How far a value reaches when every part is followed, as a walk over it would. */
export interface Extent {
  /** How many levels there are below the value. */
  readonly height: number
  /** How many parts a walk meets that it has met before: a part that stands at two places is met twice. */
  readonly repeatedCount: number
  /** Whether the value holds itself, or a part that does. */
  readonly isEndless: boolean
  /** The first part that cannot be read. */
  readonly unreadable: Unreadable | undefined
  /** Whether a part of the value holds itself, or a part that does. */
  isEndlessAt(part: unknown): boolean
}

/** The most values that parts repeated at several places may add. A value that needs more would fill the memory. */
const MAX_REPEATED = 250_000

/** Why the repetition in a value is not taken; undefined where it is. */
export function repetitionProblem({ repeatedCount }: Extent): string | undefined {
  return repeatedCount > MAX_REPEATED
    ? `repeats its parts more than ${MAX_REPEATED.toLocaleString('en')} times`
    : undefined
}

/** What is known of an object once all below it was looked at. */
interface Measured {
  readonly height: number
  readonly count: number
  readonly isEndless: boolean
}

interface Visit {
  readonly value: object
  readonly parts: readonly unknown[]
  nextIndex: number
  height: number
  count: number
  isEndless: boolean
}

const SCALAR: Measured = { height: 0, count: 1, isEndless: false }
const ITSELF: Measured = { height: 0, count: 1, isEndless: true }

/** Looks at each part once, without recursion, so that neither depth nor cycles nor shared parts cost more than the value. */
export function measure(value: unknown): Extent {
  const done = new Map<object, Measured>()
  const open = new Set<object>()
  const visits: Visit[] = []
  let metCount = 0
  let unreadable: Unreadable | undefined

  /** What is known of a part; undefined where it has to be visited first. */
  const known = (part: unknown): Measured | undefined => {
    if (typeof part !== 'object' || part === null) {
      metCount++
      return SCALAR
    }
    return done.get(part) ?? (open.has(part) ? ITSELF : undefined)
  }
  const visit = (part: object) => {
    metCount++
    open.add(part)
    let parts: readonly unknown[] = []
    try {
      if (part instanceof Unreadable) unreadable ??= part
      parts = partsOf(part)
    } catch {
      unreadable ??= unreadablePart()
    }
    visits.push({ value: part, parts, nextIndex: 0, height: 0, count: 1, isEndless: false })
  }

  if (typeof value === 'object' && value !== null) visit(value)
  for (let at = visits.at(-1); at !== undefined; at = visits.at(-1)) {
    if (at.nextIndex === at.parts.length) {
      open.delete(at.value)
      done.set(at.value, { height: at.height, count: at.count, isEndless: at.isEndless })
      visits.pop()
      continue
    }
    let part: unknown
    try {
      part = at.parts[at.nextIndex]
    } catch {
      // A getter in a list.
      unreadable ??= unreadablePart()
      at.nextIndex = at.parts.length
      continue
    }
    const measured = known(part)
    if (measured === undefined) {
      visit(part as object)
      continue
    }
    at.nextIndex++
    at.height = Math.max(at.height, measured.height + 1)
    at.count += measured.count
    at.isEndless ||= measured.isEndless
  }
  const whole = done.get(value as object) ?? SCALAR
  return {
    height: whole.height,
    repeatedCount: Math.max(0, whole.count - metCount),
    isEndless: whole.isEndless,
    unreadable,
    isEndlessAt: (part) => done.get(part as object)?.isEndless === true,
  }
}

/** What a walk goes into; instances of other classes are one value. */
function partsOf(value: object): readonly unknown[] {
  if (Array.isArray(value)) return value
  if (value instanceof Map) return [...value.keys(), ...value.values()]
  if (value instanceof Set) return [...value]
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null ? Object.values(value) : []
}
