import { isConnecting } from './watch-questions.ts'
import type { WatchState } from './watch-state.ts'
import type { WatchStream } from './watch-stream.ts'

/**
 * Watches without knowledge of their store that shared a stream with watches that have it. They are not added
 * to the next stream before the store was recognized for the others.
 */
export class Followers {
  readonly #waiting = new Set<WatchState>()

  get size(): number {
    return this.#waiting.size
  }

  has(watcher: WatchState): boolean {
    return this.#waiting.has(watcher)
  }

  delete(watcher: WatchState): void {
    this.#waiting.delete(watcher)
  }

  clear(): void {
    this.#waiting.clear()
  }

  /** Holds back the watches that follow others among them, and returns the rest. */
  keepBack(watchers: readonly WatchState[], session: WatchStream): WatchState[] {
    const knowing = watchers.filter((watcher) => watcher.questionFor(session) !== undefined)
    const streams = new Set(knowing.map(({ lastStream }) => lastStream))
    streams.delete(undefined)
    return watchers.filter((watcher) => {
      const isFollower = watcher.questionFor(session) === undefined && streams.has(watcher.lastStream)
      if (isFollower) this.#waiting.add(watcher)
      return !isFollower
    })
  }

  /**
   * Releases and returns the watches whose former stream has no watch left to verify, given all watches of
   * the connection.
   */
  release(watchers: Iterable<WatchState>, session: WatchStream): WatchState[] {
    if (this.#waiting.size === 0) return []
    const asked = [...watchers].filter(
      (watcher) => isConnecting(watcher) && watcher.questionFor(session) !== undefined,
    )
    const streams = new Set(asked.map(({ lastStream }) => lastStream))
    const released = [...this.#waiting].filter(({ lastStream }) => !streams.has(lastStream))
    for (const watcher of released) this.#waiting.delete(watcher)
    return released
  }
}
