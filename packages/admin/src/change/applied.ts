import type { CallOptions } from '../workspace.ts'
import type { PlannedChange } from './planned-change.ts'

/** Options of `Plan.apply`. */
export interface ApplyOptions extends CallOptions {
  /** Why, as the history shows it: at most 4,000 characters. */
  readonly message?: string | undefined
  /** Allow everything that the change removes, however much it is. Default false. */
  readonly allowRemoval?: boolean | undefined
  /** Write it although the schema refuses the tree. Recorded. Default false. */
  readonly force?: boolean | undefined
  /**
   * Called with the id of the write before it is sent, and again before it is sent another time: whoever may stop before
   * `apply` has an answer can ask `find(id)` later. What it throws ends the call, before anything is sent.
   */
  readonly onSend?: ((id: string) => void) | undefined
}

/** What an apply has written. */
export interface Applied {
  /** The id of its record; undefined if nothing had to be written. */
  readonly id: string | undefined
  /** The revision of the store that wrote it; of an empty plan, the one that it was worked out at. */
  readonly revision: number
  readonly changes: readonly PlannedChange[]
}
