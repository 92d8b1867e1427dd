import { EtcdError } from '../errors.ts'
import type { ResponseHeader } from '../wire/kv.ts'

/** Remembers the newest revision seen, to detect outdated answers from lagging members. */
export class RevisionFloor {
  #clusterId = 0n
  #revision = 0

  /** How often the floor was set. */
  #times = 0

  /** Taken when a linearizable request is sent, and passed to `learn` with its answer. */
  get mark(): number {
    return this.#times
  }

  /**
   * Records the header of an answer. A different cluster resets the floor. So does the same cluster if it was
   * wiped or restored: a linearizable answer below the floor whose request was sent (`mark`) after the floor
   * was set cannot be merely late.
   */
  learn(header: ResponseHeader | undefined, mark?: number): void {
    if (header === undefined) return
    const { clusterId, revision } = header
    if (clusterId === this.#clusterId && revision === this.#revision) return
    if (clusterId === this.#clusterId && revision < this.#revision && mark !== this.#times) return
    this.#clusterId = clusterId
    this.#revision = revision
    this.#times += 1
  }

  /** True if the answer is from the same cluster and older than what was seen. */
  isBelow(header: ResponseHeader | undefined): boolean {
    return header !== undefined && header.clusterId === this.#clusterId && header.revision < this.#revision
  }

  /** True if the client has seen this revision in the cluster that answered last. */
  hasSeen(revision: number): boolean {
    return revision <= this.#revision
  }

  /** The error if all answers are outdated. */
  error(header: ResponseHeader | undefined): EtcdError {
    const what = `every member asked is at revision ${header?.revision ?? 0}, but revision ${this.#revision} was seen`
    return new EtcdError('stale_read', { call: 'KV/Range', what })
  }
}
