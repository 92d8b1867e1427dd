/**
 * A key's value from one revision on. Field names match the wire's KeyValue, so that a version can be sent
 * unchanged.
 */
export interface KeyVersion {
  readonly key: Buffer
  readonly value: Buffer
  /** Revision at which the key was created; 0 for a deletion. */
  readonly createRevision: number
  readonly modRevision: number
  /** Number of writes since the key was created; 0 for a deletion. */
  readonly version: number
  /** 0n means no lease. */
  readonly lease: bigint
  /** Index among the writes of the same revision. */
  readonly sub: number
}

/** True if a version is the deletion of its key. */
export function isDeletion(version: KeyVersion): boolean {
  return version.version === 0
}

/** All stored versions of one key, oldest first. */
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

  /** The versions written at a revision and later, oldest first. */
  *since(revision: number): Generator<KeyVersion> {
    let at = this.#lastUpTo(revision - 1) + 1
    for (let version = this.#versions[at]; version !== undefined; version = this.#versions[at]) {
      yield version
      at += 1
    }
  }

  /**
   * Removes and returns the versions that no read at `revision` or later can see. A deletion at exactly
   * `revision` is kept for watches that start there.
   */
  compact(revision: number): KeyVersion[] {
    const last = this.#lastUpTo(revision)
    const found = this.#versions[last]
    if (found === undefined) return []
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
    // Nearly every read asks for the newest version.
    const newest = this.#versions[high - 1]
    if (newest !== undefined && newest.modRevision <= revision) return high - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      const version = this.#versions[middle]
      if (version !== undefined && version.modRevision <= revision) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}
