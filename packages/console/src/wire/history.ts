import type { WirePath } from './wire-path.ts'

/** One key that a write changed. */
export interface HistoryChangeView {
  readonly path: WirePath
  readonly pathText: string
  readonly layer: string
  readonly before: string | undefined
  readonly after: string | undefined
  readonly isRemoved: boolean
}

/** One write. */
export interface HistoryView {
  readonly revision: number
  readonly id: string
  /** Empty: another tool wrote it. */
  readonly author: string
  /** In ms since the Unix epoch; 0: not known. */
  readonly at: number
  readonly message: string
  readonly kind: string
  /** The revision that a rollback went back to; 0: it was none. */
  readonly to: number
  readonly changes: readonly HistoryChangeView[]
  /** Changes at places that the user may not see. */
  readonly hidden: number
}

/** A part of the history, the newest first. */
export interface HistoryPage {
  readonly entries: readonly HistoryView[]
  readonly hasMore: boolean
  /** Writes of other tools were looked for after this revision. */
  readonly since: number
}

/** How two states differ at one place. */
export interface DifferenceView {
  readonly pathText: string
  readonly before: string | undefined
  readonly after: string | undefined
}

/** How two revisions differ. */
export interface DiffView {
  readonly differences: readonly DifferenceView[]
}
