/** The position of an entry on its page. */
export interface EntryPlace {
  readonly modRevision: number
  readonly at: number
  readonly end: number
}

/** Collects the most recently written entries of a page. */
export class NewestEntries {
  readonly #most: number
  #from: number
  #entries: EntryPlace[] = []

  /** Ignores entries up to revision `from`. */
  constructor(most: number, from: number) {
    this.#most = most
    this.#from = from
  }

  add(modRevision: number, at: number, end: number): void {
    if (modRevision <= this.#from) return
    this.#entries.push({ modRevision, at, end })
    // Pruned rarely, so that a list in ascending order of revision costs no more.
    if (this.#entries.length >= this.#most * 20) this.#prune()
  }

  taken(): readonly EntryPlace[] {
    this.#prune()
    return this.#entries
  }

  #prune(): void {
    this.#entries.sort((a, b) => b.modRevision - a.modRevision)
    this.#entries = this.#entries.slice(0, this.#most)
    const last = this.#entries[this.#most - 1]
    if (last !== undefined) this.#from = last.modRevision
  }
}
