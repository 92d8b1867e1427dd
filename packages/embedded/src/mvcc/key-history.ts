/** A key's value from one revision on. The fields are named as in the wire's KeyValue, so that a version can be sent as it is. */
export interface KeyVersion {
  readonly key: Buffer
  readonly value: Buffer
  /** Revision at which the key came to be; 0 when this is a deletion. */
  readonly createRevision: number
  readonly modRevision: number
  /** Writes since the key came to be; 0 when this is a deletion. */
  readonly version: number
  /** 0n: no lease. */
  readonly lease: bigint
  /** Place among the writes of the same revision. */
  readonly sub: number
}

/** Whether a version is the deletion of its key. */
export function isDeletion(version: KeyVersion): boolean {
  return version.version === 0
}

/** Everything the store remembers of one key, oldest first. */
export class KeyHistory {
  #versions: KeyVersion[] = []

  add(version: KeyVersion): void {
    this.#versions.push(version)
  }

  /** The key's state at a revision; undefined when it did not exist then. */
  at(revision: number): KeyVersion | undefined {
    const found = this.#versions[this.#lastUpTo(revision)]
    return found === undefined || isDeletion(found) ? undefined : found
  }

  /** What was written at a revision and after it, oldest first. */
  *since(revision: number): Generator<KeyVersion> {
    for (let at = this.#lastUpTo(revision - 1) + 1; at < this.#versions.length; at += 1)
      yield this.#versions[at]!
  }

  /**
   * Forgets what no read at `revision` or later can see. A deletion at exactly `revision` stays, for watches that
   * start there. Returns what was forgotten.
   */
  compact(revision: number): KeyVersion[] {
    const last = this.#lastUpTo(revision)
    if (last < 0) return []
    const found = this.#versions[last]!
    const isGone = isDeletion(found) && found.modRevision < revision
    return this.#versions.splice(0, isGone ? last + 1 : last)
  }

  get isEmpty(): boolean {
    return this.#versions.length === 0
  }

  /** Index of the newest version not after `revision`, or -1. */
  #lastUpTo(revision: number): number {
    let low = 0
    let high = this.#versions.length
    // Nearly every read wants the newest version.
    if (high > 0 && this.#versions[high - 1]!.modRevision <= revision) return high - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#versions[middle]!.modRevision <= revision) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}
