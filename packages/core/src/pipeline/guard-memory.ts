/** What the guard compares with, as it is kept on disk: with it a restarted process decides as the one before it would. */
export interface GuardMemory {
  /** Leaves of the last accepted tree that the schema reads; so are all that count here. */
  readonly leafCount: number
  /** The most leaves of any tree accepted in the window. */
  readonly peak: number
  /** When the window began, ms since the epoch; undefined while nothing has been removed. */
  readonly since: number | undefined
  /** What was removed in the window, layer by layer. */
  readonly removed: readonly (readonly string[])[]
  /** A tree that came after it was refused, and the refusal stood. */
  readonly isRefused: boolean
  /** What is gone in the tree at `seen` and allowed to be, layer by layer: that tree was not accepted for another reason. */
  readonly allowed: readonly (readonly string[])[]
  /** The newest tree the process had taken, accepted or not; undefined where `allowed` and `isRefused` are of the accepted one. */
  readonly seen: SeenTree | undefined
}

/** Which tree of which store. */
export interface SeenTree {
  readonly revision: number
  /** See `ReplaceUpdate.store`. */
  readonly store: string | undefined
}
