import { EtcdError } from '../errors.ts'
import type { ResponseHeader } from '../wire/kv.ts'

/** Remembers how far the store was when it last answered, so that an older answer of a lagging member is noticed. */
export class RevisionFloor {
  #clusterId = 0n
  #revision = 0

  /** Counts how often the floor was set. */
  #times = 0

  /** When something is asked: to be given to `learn` with the answer, where that comes from the whole cluster. */
  get mark(): number {
    return this.#times
  }

  /**
   * Takes note of an answer's header. Another cluster starts anew. So does the same one when it was wiped or restored: a
   * linearizable answer below the floor that was asked for (`mark`) after the floor was set cannot merely be a late one.
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

  /** True when the answer is from the same cluster and older than what was seen. */
  isBelow(header: ResponseHeader | undefined): boolean {
    return header !== undefined && header.clusterId === this.#clusterId && header.revision < this.#revision
  }

  /** The error for an answer that stays old. */
  error(header: ResponseHeader | undefined): EtcdError {
    const what = `every member asked is at revision ${header?.revision ?? 0}, but revision ${this.#revision} was seen`
    return new EtcdError('stale_read', { call: 'KV/Range', what })
  }
}
