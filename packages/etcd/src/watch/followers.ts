import { isConnecting } from './watch-questions.ts'
import type { WatchState } from './watch-state.ts'
import type { WatchStream } from './watch-stream.ts'

/**
 * Watches that know nothing of their store, and were on the same stream as others that do: they stay off the next stream
 * until the store was recognized by what the others know.
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

  /** Keeps back those of the watches that follow others of them, and returns the rest. */
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

  /** Returns those about whose stream nobody is asked any more, of all watches of the connection. */
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
