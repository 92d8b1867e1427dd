import {
  ANYTHING,
  type Check,
  checkArgument,
  MILLISECONDS,
  type OptionChecks,
  readOptions,
  SIGNAL,
  whole,
} from '../check-argument.ts'
import { EtcdError } from '../errors.ts'
import {
  bytesOf,
  heldRange,
  type KeyRange,
  keyAfter,
  type Namespace,
  prefixEnd,
  type WireRange,
} from '../key-range.ts'
import { assertNotEmpty } from '../watch/watch-options.ts'
import type { ReflectedRanges, ReflectorOptions } from './reflector-types.ts'

const WATCH = 'Watch/Watch'

/** The validated `ReflectedRanges`, as the store knows them. */
export interface ReflectionPlan {
  /** All ranges, then all keys. */
  readonly ranges: readonly WireRange[]
  readonly follow: WireRange
  /** The range of `follow`, as the caller knows it. */
  readonly followed: KeyRange
  /** True if `follow` may contain keys outside of the ranges. */
  readonly isFollowWider: boolean
}

const LIST: Check = { accepts: (value) => Array.isArray(value), expected: 'a list' }

const RANGES_CHECKS: OptionChecks<ReflectedRanges> = { ranges: LIST, keys: LIST, follow: ANYTHING }

/** The checks of `ReflectorOptions`. */
export const REFLECTOR_CHECKS: OptionChecks<ReflectorOptions> = {
  pageSize: whole(1),
  proofEveryMs: MILLISECONDS,
  signal: SIGNAL,
}

/** @throws EtcdError `invalid_argument` */
export function planReflection(given: ReflectedRanges, namespace: Namespace): ReflectionPlan {
  const { ranges, keys = [], follow } = readOptions(WATCH, RANGES_CHECKS, given ?? {})
  checkArgument(WATCH, 'ranges', LIST, ranges)
  const all: KeyRange[] = [...ranges, ...keys.map((key) => ({ key }))].map(heldRange)
  if (all.length === 0) throw new EtcdError('invalid_argument', { what: 'there is no range to follow' })
  for (const range of all) assertNotEmpty(range)
  const ofAll = () => (all.length === 1 ? all[0]! : hullOf(all))
  const followed = follow === undefined ? ofAll() : heldRange(follow)
  assertNotEmpty(followed)
  return Object.freeze({
    ranges: all.map((range) => namespace.range(range)),
    follow: namespace.range(followed),
    followed,
    isFollowWider: all.length > 1 || follow !== undefined,
  })
}

/** The smallest range that contains all of them. */
function hullOf(ranges: readonly KeyRange[]): KeyRange {
  // Computed without the namespace, because the result is a range of the caller's keys.
  const spans = ranges.map((range) => new SpanOf(range))
  const from = spans.map(({ start }) => start).sort(Buffer.compare)[0]!
  const ends = spans.map(({ end }) => end)
  if (ends.includes(undefined)) return { from }
  return { from, to: (ends as Buffer[]).sort(Buffer.compare).at(-1)! }
}

/** Start and end of a range; `end` is undefined if it has none. */
class SpanOf {
  readonly start: Buffer
  readonly end: Buffer | undefined

  constructor(range: KeyRange) {
    if ('key' in range) {
      this.start = bytesOf(range.key)
      this.end = keyAfter(this.start)
    } else if ('prefix' in range) {
      this.start = bytesOf(range.prefix)
      const end = prefixEnd(this.start)
      this.end = end.length === 1 && end[0] === 0 ? undefined : end
    } else {
      this.start = bytesOf(range.from)
      this.end = range.to === undefined ? undefined : bytesOf(range.to)
    }
  }
}
