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
import type { KeyRange } from '../key-range-form.ts'
import { bytesOf, heldRange, keyAfter, type Namespace, prefixEnd, type WireRange } from '../key-range.ts'
import { assertNotEmpty } from '../watch/watch-options.ts'
import type { ReflectedRanges, ReflectorOptions } from './reflector-types.ts'

const WATCH = 'Watch/Watch'

/** The validated `ReflectedRanges`, as the store knows them. */
export interface ReflectionPlan {
  /** All ranges, then all keys. */
  readonly ranges: readonly WireRange[]
  /** The ranges to watch, none of which overlap. */
  readonly follow: readonly WireRange[]
  /** Those of them that are not among the ranges, so that listing does not show whether they may be read. */
  readonly unlisted: readonly WireRange[]
  /** The ranges of `follow`, as the caller knows them. */
  readonly followed: readonly KeyRange[]
  /** True if `follow` may contain keys outside of the ranges. */
  readonly isFollowWider: boolean
}

const LIST: Check = { accepts: (value) => Array.isArray(value), expected: 'a list' }

const RANGES_CHECKS: OptionChecks<ReflectedRanges> = { ranges: LIST, keys: LIST, follow: ANYTHING }

/** The checks of `ReflectorOptions`. */
export const REFLECTOR_CHECKS: OptionChecks<ReflectorOptions> = {
  pageSize: whole(1),
  proofEveryMs: MILLISECONDS,
  finalRestMs: MILLISECONDS,
  signal: SIGNAL,
}

/** @throws EtcdError `invalid_argument` */
export function planReflection(given: ReflectedRanges, namespace: Namespace): ReflectionPlan {
  const { ranges, keys = [], follow } = readOptions(WATCH, RANGES_CHECKS, given ?? {})
  checkArgument(WATCH, 'ranges', LIST, ranges)
  const all: KeyRange[] = [...ranges, ...keys.map((key) => ({ key }))].map(heldRange)
  const [first, ...others] = all
  if (first === undefined) throw new EtcdError('invalid_argument', { what: 'there is no range to follow' })
  for (const range of all) assertNotEmpty(range)
  const ofAll = () => (others.length === 0 ? first : hullOf(all))
  const wanted = follow === undefined ? [ofAll()] : listOf(follow).map(heldRange)
  if (wanted.length === 0) throw new EtcdError('invalid_argument', { what: 'follow is an empty list' })
  for (const range of wanted) assertNotEmpty(range)
  const followed = withoutOverlaps(wanted)
  const spans = followed.map((range) => new SpanOf(range))
  const stray = all.findIndex((range) => !spans.some((span) => span.contains(new SpanOf(range))))
  if (stray >= 0) {
    const what = `range or key ${stray} is not in one of the ranges that are followed, so changes in it would be missed`
    throw new EtcdError('invalid_argument', { call: WATCH, what })
  }
  const listed = all.map((range) => namespace.range(range))
  const watched = followed.map((range) => namespace.range(range))
  return Object.freeze({
    ranges: listed,
    follow: watched,
    unlisted: watched.filter((range) => !listed.some((other) => isSame(range, other))),
    followed,
    isFollowWider: all.length > 1 || follow !== undefined,
  })
}

/** Anything that cannot be read is refused as a range. */
function listOf(follow: KeyRange | readonly KeyRange[]): readonly KeyRange[] {
  try {
    return Array.isArray(follow) ? [...(follow as readonly KeyRange[])] : [follow as KeyRange]
  } catch {
    return [follow as KeyRange]
  }
}

function isSame(a: WireRange, b: WireRange): boolean {
  return bytesOf(a.key).equals(bytesOf(b.key)) && bytesOf(a.rangeEnd).equals(bytesOf(b.rangeEnd))
}

/** The same keys in ranges that do not overlap: a range inside another is left out, others are united. */
function withoutOverlaps(ranges: readonly KeyRange[]): readonly KeyRange[] {
  const apart: KeyRange[] = []
  for (const range of ranges) {
    let united = range
    for (const [index, other] of [...apart.entries()].reverse()) {
      const [a, b] = [new SpanOf(other), new SpanOf(united)]
      if (a.contains(b)) united = other
      else if (!b.contains(a) && a.overlaps(b)) united = hullOf([other, united])
      else if (!b.contains(a)) continue
      apart.splice(index, 1)
    }
    apart.push(united)
  }
  return apart
}

/** The smallest range that contains all of them. */
function hullOf(ranges: readonly KeyRange[]): KeyRange {
  // Computed without the namespace, because the result is a range of the caller's keys.
  const spans = ranges.map((range) => new SpanOf(range))
  const from = spans.map(({ start }) => start).reduce((a, b) => (Buffer.compare(a, b) <= 0 ? a : b))
  const ends = spans.flatMap(({ end }) => end ?? [])
  if (ends.length < spans.length) return { from }
  return { from, to: ends.reduce((a, b) => (Buffer.compare(a, b) >= 0 ? a : b)) }
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

  contains(other: SpanOf): boolean {
    if (Buffer.compare(this.start, other.start) > 0) return false
    return this.end === undefined || (other.end !== undefined && Buffer.compare(this.end, other.end) >= 0)
  }

  overlaps(other: SpanOf): boolean {
    const isBefore = (end: Buffer | undefined, start: Buffer) =>
      end !== undefined && Buffer.compare(end, start) <= 0
    return !isBefore(this.end, other.start) && !isBefore(other.end, this.start)
  }
}
