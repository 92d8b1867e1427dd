/** Where a watch stands in the history, and where it is to be created to go on. */
export class ResumePoint {
  #position: number | undefined
  /** A gap before the position would be data loss, so it must be detected. */
  #isContinuing: boolean
  /** The store's revision on this stream, if the watch starts at a future revision. */
  #newest: number | undefined

  constructor(position: number | undefined, isContinuing: boolean) {
    this.#position = position
    this.#isContinuing = isContinuing
  }

  /** The first revision not yet delivered; undefined if the watch is to begin "from now on". */
  get position(): number | undefined {
    return this.#position
  }

  /** True if changes after `revision` were delivered: a member that is at it lags behind. */
  isAfter(revision: number): boolean {
    return this.#position !== undefined && revision < this.#position - 1
  }

  /** Everything up to this revision is known; 0 if nothing is. */
  get known(): number {
    return this.#isContinuing ? (this.#position ?? 0) - 1 : 0
  }

  /**
   * The start revision to request; 0 means "from now on". If everything before the position is known, one
   * more revision is requested and dropped, for two reasons: etcd before 3.4.36 and 3.5.18 accepts a watch
   * from exactly the compacted revision but omits that revision's deletes, whereas it answers one revision
   * earlier with `compacted`; and etcd since 3.5 answers no progress request while a watch starts after the
   * newest revision, as a watch after a list does.
   */
  get start(): number {
    if (this.#position === undefined) return 0
    const start = this.#isContinuing ? Math.max(1, this.#position - 1) : this.#position
    return Math.min(start, this.#newest ?? start)
  }

  /** Everything up to `revision` is known. */
  passed(revision: number): number {
    this.#position = revision + 1
    this.#isContinuing = true
    return this.#position
  }

  /** Whether the watch can stay where it was created, in a store at `revision`; otherwise its start is moved there. */
  canStart(revision: number): boolean {
    if (this.#position === undefined || this.#isContinuing || this.#newest !== undefined) return true
    if (revision >= this.#position) return true
    this.#newest = Math.max(1, revision)
    return false
  }

  /** The store's revision is unknown on the next stream. */
  leaveStream(): void {
    this.#newest = undefined
  }
}
