import type { ResponseHeader } from '../wire/kv.ts'
import type { WatchState } from './watch-state.ts'

interface LiveWatch {
  readonly watcher: WatchState
  /** This many answers to progress requests may be from before the watch was there. */
  staleAnswers: number
}

/** The watches that a stream serves, by their ids. */
export class LiveWatches {
  readonly #live = new Map<number, LiveWatch>()

  get size(): number {
    return this.#live.size
  }

  get(id: number): WatchState | undefined {
    return this.#live.get(id)?.watcher
  }

  /** `staleAnswers`: answers to progress requests that may come and were asked for before. */
  set(id: number, watcher: WatchState, staleAnswers: number): void {
    this.#live.set(id, { watcher, staleAnswers })
  }

  delete(id: number): void {
    this.#live.delete(id)
  }

  clear(): void {
    this.#live.clear()
  }

  *watchers(): Generator<WatchState> {
    for (const { watcher } of this.#live.values()) yield watcher
  }

  idsOf(watcher: WatchState): number[] {
    return [...this.#live].filter(([, live]) => live.watcher === watcher).map(([id]) => id)
  }

  /** Milliseconds between two questions: as often as the one of the watches that needs it most, or every `mostMs`. */
  intervalMs(mostMs: number): number {
    let intervalMs = mostMs
    for (const { proofEveryMs } of this.watchers()) intervalMs = Math.min(intervalMs, proofEveryMs ?? mostMs)
    return intervalMs
  }

  /** An answer to a progress request. Returns whether it may be from before one of the watches was there. */
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
