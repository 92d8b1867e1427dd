/** Directories of a key that are indexed: a key of slashes only, as long as a request may be, would have a million. */
const MOST_DEPTH = 64

/** Keys that edits add, by the directories above them, to find those of a directory without looking at all of them. */
export class AddedKeys {
  readonly #below = new Map<string, Set<string>>()

  add(key: string): void {
    for (const directory of directoriesOf(key)) {
      const known = this.#below.get(directory)
      if (known === undefined) this.#below.set(directory, new Set([key]))
      else known.add(key)
    }
  }

  /** @param directory with a slash at its end */
  *below(directory: string): Iterable<string> {
    const [indexed = directory] = directoriesOf(directory).slice(-1)
    for (const key of this.#below.get(indexed) ?? []) if (key.startsWith(directory)) yield key
  }
}

function directoriesOf(key: string): readonly string[] {
  const found: string[] = []
  for (let slash = key.indexOf('/'); slash >= 0 && found.length < MOST_DEPTH; ) {
    found.push(key.slice(0, slash + 1))
    slash = key.indexOf('/', slash + 1)
  }
  return found
}
