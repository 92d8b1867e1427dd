/** Where an entry lies in the page it came with. */
export interface EntryPlace {
  readonly modRevision: number
  readonly at: number
  readonly end: number
}

/** The entries of a page that were written last, by their places. */
export class NewestEntries {
  readonly #most: number
  #from: number
  #entries: EntryPlace[] = []

  /** Entries up to revision `from` are left out. */
  constructor(most: number, from: number) {
    this.#most = most
    this.#from = from
  }

  add(entry: EntryPlace): void {
    if (entry.modRevision <= this.#from) return
    this.#entries.push(entry)
    // Sorted now and then, so that a list whose entries are each newer than the one before costs no more.
    if (this.#entries.length >= this.#most * 20) this.#prune()
  }

  taken(): readonly EntryPlace[] {
    this.#prune()
    return this.#entries
  }

  #prune(): void {
    this.#entries.sort((a, b) => b.modRevision - a.modRevision)
    this.#entries = this.#entries.slice(0, this.#most)
    if (this.#entries.length === this.#most) this.#from = this.#entries[this.#most - 1]!.modRevision
  }
}
