import { EtcdError } from '../errors.ts'

/** Operations in one transaction: etcd takes 128 unless told otherwise, and a proxy may take less. */
const MOST_OPS = 64

/** Refusals of a transaction for its size. */
const TOO_LARGE: ReadonlySet<string> = new Set(['request_too_large', 'response_too_large'])

/** How many operations a server takes in one transaction, learned from what it refuses. */
export class TxnSize {
  #most = MOST_OPS

  /**
   * Asks for everything in as few pieces as the server takes. A piece of one that is refused is the caller's to deal with.
   *
   * @param isSplit which refusals are answered by smaller pieces; default: those for the size
   * @throws EtcdError whatever a piece is refused with, for another reason
   */
  async split<R, A>(
    reads: readonly R[],
    ask: (some: readonly R[]) => Promise<readonly A[]>,
    isSplit: (error: unknown) => error is EtcdError = isTooLarge,
  ): Promise<A[]> {
    const answers: A[] = []
    let size = this.#most
    for (let at = 0; at < reads.length; ) {
      const some = reads.slice(at, at + size)
      try {
        answers.push(...(await ask(some)))
        at += some.length
      } catch (error) {
        if (!isSplit(error) || some.length <= 1) throw error
        size = Math.ceil(some.length / 2)
        // The size of one answer, or of one user's rights, says nothing of the next.
        if (error.code === 'request_too_large') this.#most = Math.min(this.#most, size)
      }
    }
    return answers
  }
}

function isTooLarge(error: unknown): error is EtcdError {
  return error instanceof EtcdError && TOO_LARGE.has(error.code)
}
