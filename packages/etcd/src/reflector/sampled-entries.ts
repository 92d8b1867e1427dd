import type { EntryPlace } from './newest-entries.ts'

type SampledPlace = Omit<EntryPlace, 'modRevision'>

/**
 * Adds the entries of a page to a random sample of limited size, so that each entry seen so far has the same chance to be in
 * it (reservoir sampling). Knows earlier entries of the sample by their number, and those of the page by their position, so
 * that only those that stay are decoded.
 */
export class SampledEntries {
  readonly #size: number
  /** Number of entries in the sample before this page. */
  readonly #earlier: number
  /** The first number that is free. */
  #next: number
  /** By number in the sample. */
  readonly #taken = new Map<number, SampledPlace>()

  constructor(earlier: number, size: number) {
    this.#earlier = earlier
    this.#next = earlier
    this.#size = size
  }

  /** Adds the entry which is number `seen` of all, counted from 1. Returns false if the sample no longer holds every entry. */
  add(at: number, end: number, seen: number): boolean {
    if (this.#next < this.#size) {
      this.#taken.set(this.#next, { at, end })
      this.#next += 1
      return true
    }
    const place = Math.floor(Math.random() * seen)
    if (place < this.#size) this.#taken.set(place, { at, end })
    return false
  }

  /** Numbers of the earlier entries that are in the sample no longer. */
  get replaced(): readonly number[] {
    return [...this.#taken.keys()].filter((place) => place < this.#earlier)
  }

  /** Entries of this page that are in the sample. */
  get entries(): readonly SampledPlace[] {
    return [...this.#taken.values()]
  }
}
