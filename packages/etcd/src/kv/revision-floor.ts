import { EtcdError } from '../errors.ts'
import type { ResponseHeader } from '../wire/kv.ts'

/** Remembers how far the store was when it last answered, so that an older answer of a lagging member is noticed. */
export class RevisionFloor {
  #clusterId = 0n
  #revision = 0

  /** Takes note of an answer's header. Another cluster starts anew. */
  learn(header: ResponseHeader | undefined): void {
    if (header === undefined) return
    if (header.clusterId !== this.#clusterId) {
      this.#clusterId = header.clusterId
      this.#revision = header.revision
    } else if (header.revision > this.#revision) this.#revision = header.revision
  }

  /** True when the answer is from the same cluster and older than what was seen. */
  isBelow(header: ResponseHeader | undefined): boolean {
    return header !== undefined && header.clusterId === this.#clusterId && header.revision < this.#revision
  }

  /** The highest revision that was seen, and of which cluster. */
  get seen(): { readonly clusterId: bigint; readonly revision: number } {
    return { clusterId: this.#clusterId, revision: this.#revision }
  }

  /** The error for an answer that stays old. */
  error(header: ResponseHeader | undefined): EtcdError {
    const what = `every member asked is at revision ${header?.revision ?? 0}, but revision ${this.#revision} was seen`
    return new EtcdError('stale_read', { call: 'KV/Range', what })
  }
}
