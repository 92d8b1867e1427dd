import type { EtcdError } from '../errors.ts'
import { onAbort } from '../on-abort.ts'

interface Waiter {
  readonly revision: number
  resolve(): void
  reject(reason: unknown): void
}

/** Callers that wait until a revision is reached. */
export class PendingRevisions {
  readonly #waiters = new Set<Waiter>()

  get size(): number {
    return this.#waiters.size
  }

  /**
   * Resolves when `settle` is called with this revision or a higher one; rejects with the signal's reason.
   */
  add(revision: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const leave = () => {
        this.#waiters.delete(waiter)
        unlisten?.()
      }
      const waiter: Waiter = {
        revision,
        resolve() {
          leave()
          resolve()
        },
        reject(reason) {
          leave()
          reject(reason)
        },
      }
      const unlisten = signal && onAbort(signal, () => waiter.reject(signal.reason))
      this.#waiters.add(waiter)
    })
  }

  settle(revision: number): void {
    for (const waiter of this.#waiters) if (waiter.revision <= revision) waiter.resolve()
  }

  fail(error: EtcdError): void {
    for (const waiter of this.#waiters) waiter.reject(error)
  }
}
