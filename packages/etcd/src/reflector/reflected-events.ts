import type { Namespace } from '../key-range.ts'
import type { WatchEvent } from '../watch/watch-handlers.ts'
import { isInRange } from './is-in-range.ts'
import type { ReflectionPlan } from './reflection-plan.ts'

/** The events in the ranges and keys of a plan, which may watch more. */
export function reflectedEvents(
  { ranges, isFollowWider }: ReflectionPlan,
  { prefix }: Namespace,
  events: readonly WatchEvent[],
): readonly WatchEvent[] {
  if (!isFollowWider) return events
  return events.filter(({ kv: { key } }) => {
    const stored = prefix.length === 0 ? key : Buffer.concat([prefix, key])
    return ranges.some((range) => isInRange(range, stored))
  })
}
