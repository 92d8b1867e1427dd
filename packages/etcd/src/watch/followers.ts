import type { WatchState } from './watch-state.ts'

/**
 * Watches without knowledge of their store that a stream has served. They are not added to the next stream
 * before the store was recognized for those that have knowledge: the watches that shared the last stream with
 * them or, if none did, all of the connection. A watch that was listed when the stream broke has not shared
 * it yet, but knows the same store.
 */
export class Followers {
  /** The stream whose watches each one follows; undefined: all watches. */
  readonly #followed = new Map<WatchState, unknown>()

  get size(): number {
    return this.#followed.size
  }

  has(watcher: WatchState): boolean {
    return this.#followed.has(watcher)
  }

  delete(watcher: WatchState): void {
    this.#followed.delete(watcher)
  }

  clear(): void {
    this.#followed.clear()
  }

  /**
   * Holds back those of `watchers` that follow one of `knowing`, the watches whose store is to be verified.
   * Returns the rest.
   */
  keepBack(watchers: readonly WatchState[], knowing: ReadonlySet<WatchState>): WatchState[] {
    if (knowing.size === 0) return [...watchers]
    const streams = streamsOf(knowing)
    return watchers.filter((watcher) => {
      const { lastStream } = watcher
      const isFollower = lastStream !== undefined && !knowing.has(watcher)
      if (isFollower) this.#followed.set(watcher, streams.has(lastStream) ? lastStream : undefined)
      return !isFollower
    })
  }

  /** True if what is found of the store of `knowing` holds for the store of `watcher` too. */
  isFollowing(watcher: WatchState, knowing: WatchState): boolean {
    if (!this.#followed.has(watcher)) return false
    const followed = this.#followed.get(watcher)
    return followed === undefined || followed === knowing.lastStream
  }

  /** Releases and returns the watches that follow none of `knowing`, the watches still to be verified. */
  release(knowing: ReadonlySet<WatchState>): WatchState[] {
    const streams = streamsOf(knowing)
    const released = [...this.#followed].filter(([, followed]) =>
      followed === undefined ? knowing.size === 0 : !streams.has(followed),
    )
    for (const [watcher] of released) this.#followed.delete(watcher)
    return released.map(([watcher]) => watcher)
  }
}

function streamsOf(watchers: Iterable<WatchState>): Set<unknown> {
  return new Set(Array.from(watchers, ({ lastStream }) => lastStream))
}
