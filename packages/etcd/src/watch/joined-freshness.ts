import type { WatchProgress } from './watch-handlers.ts'

/**
 * The progress reports of a join: each is that of all ranges together, and is due when every change up to it was
 * passed on. While changes are held back, nothing says that what was passed on is the newest.
 */
export class JoinedFreshness {
  readonly #size: number
  /** By range, the last report that was not joined yet. */
  readonly #reports = new Map<number, WatchProgress>()
  /** The oldest and the newest report that are not due yet: under constant changes the newest never would be. */
  #waiting: readonly WatchProgress[] = []

  /** @param size number of ranges */
  constructor(size: number) {
    this.#size = size
  }

  /** Adds the report of a range. Returns true if it was the last one that was missing. */
  add(range: number, progress: WatchProgress): boolean {
    this.#reports.set(range, progress)
    if (this.#reports.size < this.#size) return false
    const reports = [...this.#reports.values()]
    this.#reports.clear()
    const joined = {
      revision: Math.min(...reports.map(({ revision }) => revision)),
      at: Math.min(...reports.map(({ at }) => at)),
      isExact: reports.every(({ isExact }) => isExact),
    }
    this.#waiting = [...this.#waiting.slice(0, 1), joined]
    return true
  }

  /** Takes the newest report that is due. `next`: the first revision that is held back; undefined: none is. */
  take(next: number | undefined): WatchProgress | undefined {
    const isDue = ({ revision }: WatchProgress) => next === undefined || revision < next
    const due = this.#waiting.filter(isDue)
    this.#waiting = this.#waiting.filter((report) => !isDue(report))
    return due.at(-1)
  }

  /** The reports are void: the stream has ended. */
  clear(): void {
    this.#reports.clear()
    this.#waiting = []
  }
}
