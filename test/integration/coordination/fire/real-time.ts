import type { Span } from './history.ts'

/** A call with the revision at which it took effect. */
export interface Effective extends Span {
  readonly what: string
  readonly revision: number
  /** True if the effect may have been there before the call began: then only later calls are compared with it. */
  readonly mayBeOlder?: boolean
}

/** What one part of a history shows. */
export interface Checked {
  readonly violations: readonly string[]
  /** Calls whose effect is known, for their order in real time. */
  readonly calls: readonly Effective[]
}

/**
 * What makes an order of effects linearizable, besides being one of the sequential model: no call takes effect before one
 * that had ended when it began.
 */
export function checkRealTime(calls: readonly Effective[]): string[] {
  const violations: string[] = []
  const byEnd = calls.toSorted((a, b) => a.end - b.end)
  let latest: Effective | undefined
  let next = 0
  for (const call of calls.toSorted((a, b) => a.start - b.start)) {
    for (let ended = byEnd[next]; ended !== undefined && ended.end < call.start; ended = byEnd[next]) {
      if (latest === undefined || ended.revision > latest.revision) latest = ended
      next += 1
    }
    if (call.mayBeOlder === true || latest === undefined || call.revision >= latest.revision) continue
    violations.push(
      `${call.what} took effect at ${call.revision}, before ${latest.what} at ${latest.revision}, which had ended when it began`,
    )
  }
  return violations
}
