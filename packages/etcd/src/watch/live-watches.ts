import type { ResponseHeader } from '../wire/kv.ts'
import type { WatchState } from './watch-state.ts'

interface LiveWatch {
  readonly watcher: WatchState
  /** Number of answers to progress requests that may date from before the watch was created. */
  staleAnswers: number
}

/** The watches served by a stream, by id. */
export class LiveWatches {
  readonly #live = new Map<number, LiveWatch>()
  /** Milliseconds between progress requests, of the watches that need them more often than others. */
  readonly #intervals = new Map<number, number>()

  get size(): number {
    return this.#live.size
  }

  get(id: number): WatchState | undefined {
    return this.#live.get(id)?.watcher
  }

  /** `staleAnswers`: number of unanswered progress requests sent before the watch was created. */
  set(id: number, watcher: WatchState, staleAnswers: number): void {
    this.#live.set(id, { watcher, staleAnswers })
    if (watcher.proofEveryMs !== undefined) this.#intervals.set(id, watcher.proofEveryMs)
  }

  delete(id: number): void {
    this.#live.delete(id)
    this.#intervals.delete(id)
  }

  clear(): void {
    this.#live.clear()
    this.#intervals.clear()
  }

  *watchers(): Generator<WatchState> {
    for (const { watcher } of this.#live.values()) yield watcher
  }

  idsOf(watcher: WatchState): number[] {
    return [...this.#live].filter(([, live]) => live.watcher === watcher).map(([id]) => id)
  }

  /** True if a watch needs progress soon. */
  get isHurried(): boolean {
    for (const { isAwaited } of this.watchers()) if (isAwaited) return true
    return false
  }

  /** Milliseconds between progress requests: the shortest interval a watch needs, at most `mostMs`. */
  intervalMs(mostMs: number): number {
    let intervalMs = mostMs
    for (const each of this.#intervals.values()) intervalMs = Math.min(intervalMs, each)
    return intervalMs
  }

  /**
   * Applies an answer to a progress request. Returns true if it may date from before one of the watches was
   * created.
   */
  progress(header: ResponseHeader, at: number, isOrderKept: boolean): boolean {
    let isStale = false
    for (const live of [...this.#live.values()]) {
      if (!isOrderKept) live.watcher.noteUnverifiedProgress(header.revision, at)
      else if (live.staleAnswers === 0) live.watcher.progress(header, at)
      else {
        live.staleAnswers -= 1
        isStale = true
      }
    }
    return isStale
  }
}
