import { AsyncLocalStorage } from 'node:async_hooks'
import type { Snapshot } from '../updates/snapshot.ts'

/** Pins one snapshot for everything that one call starts, such as a request or a job, now or later. */
export class Pin<T> {
  readonly #storage = new AsyncLocalStorage<Snapshot<T> | undefined>()

  /** The pinned snapshot; undefined outside of `run`. */
  get snapshot(): Snapshot<T> | undefined {
    return this.#storage.getStore()
  }

  /** Runs `work` with the snapshot pinned. A nested call keeps the outer pin, so that one request sees one state. */
  run<R>(snapshot: Snapshot<T>, work: () => R): R {
    return this.#storage.getStore() === undefined ? this.#storage.run(snapshot, work) : work()
  }

  /**
   * Runs `work` outside of any pin: what the configuration itself starts, such as a listener or the build of a resource,
   * outlives the request that set it off.
   */
  leave<R>(work: () => R): R {
    return this.#storage.getStore() === undefined ? work() : this.#storage.run(undefined, work)
  }

  /** Like `run`, but replaces an outer pin. */
  runAnew<R>(snapshot: Snapshot<T>, work: () => R): R {
    // Entering a context is expensive, and most of the work of a request already runs inside it.
    return this.#storage.getStore() === snapshot ? work() : this.#storage.run(snapshot, work)
  }
}
