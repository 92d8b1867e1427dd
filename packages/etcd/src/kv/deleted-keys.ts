/**
 * The keys and ranges that one branch deletes, as latin1 text, whose order is that of the bytes. Ranges are kept apart and
 * in order, so that a key is found by halving.
 */
export class DeletedKeys {
  readonly #keys = new Set<string>()
  readonly #starts: string[] = []
  readonly #ends: string[] = []

  /** Adds one key. */
  addKey(key: string): void {
    this.#keys.add(key)
  }

  /**
   * Adds the keys from `start` up to `end`: none for an end before the start, including a single zero byte ("no end"),
   * since etcd does not find keys in these either.
   */
  addRange(start: string, end: string): void {
    if (end <= start) return
    const from = countOf(this.#ends, (each) => each < start)
    const to = countOf(this.#starts, (each) => each <= end)
    const isJoined = from < to
    const first = isJoined && this.#starts[from]! < start ? this.#starts[from]! : start
    const last = isJoined && this.#ends[to - 1]! > end ? this.#ends[to - 1]! : end
    this.#starts.splice(from, to - from, first)
    this.#ends.splice(from, to - from, last)
  }

  /** Adds all that another branch deletes. */
  addAll(other: DeletedKeys): void {
    for (const key of other.#keys) this.#keys.add(key)
    for (const [index, start] of other.#starts.entries()) this.addRange(start, other.#ends[index]!)
  }

  has(key: string): boolean {
    if (this.#keys.has(key)) return true
    const index = countOf(this.#starts, (start) => start <= key) - 1
    return index >= 0 && key < this.#ends[index]!
  }
}

/** How many of these, in ascending order, are still `below`. */
function countOf(ordered: readonly string[], below: (each: string) => boolean): number {
  let [low, high] = [0, ordered.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (below(ordered[middle]!)) low = middle + 1
    else high = middle
  }
  return low
}
