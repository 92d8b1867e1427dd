/** Taken items are removed from memory together: at least this many of them, and at least half of the list. */
const FEW = 1_024

/** Items in the order of their pushes. Pushing and taking cost the same however many wait. */
export class Fifo<Item> {
  #items: Item[] = []
  #next = 0

  get length(): number {
    return this.#items.length - this.#next
  }

  push(item: Item): void {
    this.#items.push(item)
  }

  /** The first `most` items, which stay. */
  first(most: number): readonly Item[] {
    return this.#items.slice(this.#next, this.#next + most)
  }

  /** Removes the first `count` items and returns them. */
  take(count = this.length): readonly Item[] {
    const taken = this.first(count)
    this.#next += taken.length
    if (this.length === 0 || (this.#next >= FEW && this.#next >= this.length)) {
      this.#items = this.#items.slice(this.#next)
      this.#next = 0
    }
    return taken
  }
}
