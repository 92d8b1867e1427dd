/** One watch as its caller holds it. */
export interface Watcher {
  /** The first revision not delivered yet. Undefined while a watch "from now" has not reached the server. */
  readonly position: number | undefined
  readonly state: 'connecting' | 'live' | 'paused' | 'ended'
  /**
   * Resolves when all changes up to this revision were delivered, asking the server for progress as needed: a
   * linearizable read gives the revision to wait for. On servers before 3.4.25 and 3.5.8 see `WatchProgress.isExact`.
   * Rejects with the error the watch ends with, `cancelled` when it is cancelled, or the signal's reason.
   */
  reached(revision: number, options?: { readonly signal?: AbortSignal }): Promise<void>
  /** Stops the delivery and keeps the position; handlers are not called for changes until `resume()`. */
  pause(): void
  /** Goes on from the position: through the store's history, or by `onCompacted` if that is gone. */
  resume(): void
  /** Ends the watch: no handler but `onEnd` is called any more. */
  cancel(): void
}
