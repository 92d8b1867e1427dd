/** Keys that edits add, by each directory above them, to find those of a directory without looking at all of them. */
export class AddedKeys {
  readonly #below = new Map<string, Set<string>>()

  add(key: string): void {
    for (let slash = key.indexOf('/'); slash >= 0; slash = key.indexOf('/', slash + 1)) {
      const directory = key.slice(0, slash + 1)
      const known = this.#below.get(directory)
      if (known === undefined) this.#below.set(directory, new Set([key]))
      else known.add(key)
    }
  }

  /** @param directory with a slash at its end */
  below(directory: string): Iterable<string> {
    return this.#below.get(directory) ?? []
  }
}
