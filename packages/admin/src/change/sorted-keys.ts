import { compareTexts } from '../compare-texts.ts'

/** Keys in order, to find those that begin alike without looking at all of them. */
export class SortedKeys {
  readonly #keys: readonly string[]

  constructor(keys: Iterable<string>) {
    this.#keys = [...keys].sort(compareTexts)
  }

  /** The keys that begin with a text. */
  startingWith(prefix: string): readonly string[] {
    let from = 0
    let to = this.#keys.length
    while (from < to) {
      const middle = (from + to) >> 1
      if ((this.#keys[middle] ?? '') < prefix) from = middle + 1
      else to = middle
    }
    let end = from
    while (this.#keys[end]?.startsWith(prefix) === true) end++
    return this.#keys.slice(from, end)
  }
}
