import type { ErrorView } from './failure.ts'
import type { InstanceView } from './fleet.ts'
import type { HistoryView } from './history.ts'

/** What one instance said, or that it left. */
export interface SaidView {
  /** The revision of the store that holds it. */
  readonly revision: number
  readonly isGone: boolean
  readonly instance: InstanceView
}

/** A part of the tail that cannot go on, which is tried again; without an error: it does. */
export interface TroubleView {
  readonly part: 'changes' | 'said'
  readonly error: ErrorView | undefined
}

/** What has come in, the oldest first. */
export interface LiveView {
  /** What the stream has got to: it is asked for what is after these, when it has broken. 0: not known yet. */
  readonly changesUntil: number
  readonly saidUntil: number
  readonly changes: readonly HistoryView[]
  readonly said: readonly SaidView[]
  /** Something before this is left out: it is too much, or the store does not keep it any more. */
  readonly hasGap: boolean
}
