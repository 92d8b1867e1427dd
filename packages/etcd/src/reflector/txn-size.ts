import { EtcdError } from '../errors.ts'

/** Maximum number of operations in one transaction: etcd accepts 128 by default, a proxy may accept fewer. */
const MOST_OPS = 64

/** Codes by which a server refuses a transaction for its size. */
const TOO_LARGE: ReadonlySet<string> = new Set(['request_too_large', 'response_too_large'])

/** The number of operations a server accepts in one transaction, learned from its refusals. */
export class TxnSize {
  #most = MOST_OPS

  /**
   * Sends all reads in as few pieces as the server accepts; a piece refused for its size is split.
   *
   * @throws EtcdError any other error, and a refusal of a single read
   */
  async split<R, A>(reads: readonly R[], ask: (some: readonly R[]) => Promise<readonly A[]>): Promise<A[]> {
    const answers: A[] = []
    let size = this.#most
    for (let at = 0; at < reads.length; ) {
      const some = reads.slice(at, at + size)
      try {
        answers.push(...(await ask(some)))
        at += some.length
      } catch (error) {
        if (!(error instanceof EtcdError) || !isTooLarge(error) || some.length <= 1) throw error
        size = Math.ceil(some.length / 2)
        // Only the size of requests is a limit of the server; the size of one answer is not.
        if (error.code === 'request_too_large') this.#most = Math.min(this.#most, size)
      }
    }
    return answers
  }
}

/** True if a server refused a transaction, or its answer was not taken, for its size. */
export function isTooLarge(error: unknown): boolean {
  return error instanceof EtcdError && TOO_LARGE.has(error.code)
}
