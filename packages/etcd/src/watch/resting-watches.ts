import { type Clock, keepRunning } from '../clock.ts'
import type { WatchState } from './watch-state.ts'

/** Refused watches that are retried later, each at its own time. */
export class RestingWatches {
  readonly #clock: Clock
  readonly #timers = new Map<WatchState, unknown>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#timers.size
  }

  has(watcher: WatchState): boolean {
    return this.#timers.has(watcher)
  }

  /** Calls `onRested` after `ms` milliseconds unless the watch is deleted before. */
  rest(watcher: WatchState, ms: number, onRested: () => void): void {
    const timer = this.#clock.setTimeout(() => {
      this.#timers.delete(watcher)
      onRested()
    }, ms)
    this.#timers.set(watcher, keepRunning(timer))
  }

  delete(watcher: WatchState): void {
    this.#clock.clearTimeout(this.#timers.get(watcher))
    this.#timers.delete(watcher)
  }

  clear(): void {
    for (const watcher of [...this.#timers.keys()]) this.delete(watcher)
  }
}
