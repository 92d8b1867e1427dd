/** One watch as held by its caller. */
export interface Watcher {
  /** The first revision not yet delivered. Undefined until a watch "from now on" has reached the server. */
  readonly position: number | undefined
  readonly state: 'connecting' | 'live' | 'paused' | 'ended'
  /**
   * Resolves when all changes up to this revision were delivered, and requests progress as needed. Use a
   * linearizable read to get the revision to wait for. On servers before 3.4.25 and 3.5.8 see
   * `WatchProgress.isExact`. Rejects with the error that ends the watch, with `cancelled`, with `closed` after the
   * client's `close()`, with the signal's reason, or with `invalid_argument` for what is no revision.
   */
  reached(revision: number, options?: { readonly signal?: AbortSignal }): Promise<void>
  /** Stops delivery and keeps the position; no changes are delivered until `resume()`. */
  pause(): void
  /**
   * Continues from the position through the store's history, or ends with `onCompacted` if that is compacted.
   */
  resume(): void
  /** Ends the watch: no handler but `onEnd` is called afterwards. */
  cancel(): void
}
