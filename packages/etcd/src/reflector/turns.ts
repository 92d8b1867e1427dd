import { onAbort } from '../on-abort.ts'

/** Wakes all waiters each time something happens. */
export class Turns {
  readonly #waiting = new Set<{ wake(): void; fail(error: unknown): void }>()

  /** Resolves at the next `happened`; rejects at the next `failed`, or with the signal's reason. */
  next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const settle = (finish: () => void) => {
        this.#waiting.delete(waiter)
        unlisten()
        finish()
      }
      const waiter = {
        wake: () => settle(resolve),
        fail: (error: unknown) => settle(() => reject(error)),
      }
      const unlisten = onAbort(signal, () => waiter.fail(signal.reason))
      this.#waiting.add(waiter)
    })
  }

  happened(): void {
    for (const waiter of [...this.#waiting]) waiter.wake()
  }

  failed(error: unknown): void {
    for (const waiter of [...this.#waiting]) waiter.fail(error)
  }
}
