import { AsyncLocalStorage } from 'node:async_hooks'
import type { Snapshot } from '../updates/snapshot.ts'

/** Holds one snapshot for everything that runs, now or later, because of one call: a request, a job. */
export class Pin<T> {
  readonly #storage = new AsyncLocalStorage<Snapshot<T>>()

  get snapshot(): Snapshot<T> | undefined {
    return this.#storage.getStore()
  }

  /** A pin inside a pin keeps the outer one: one request sees one state. */
  run<R>(snapshot: Snapshot<T>, work: () => R): R {
    return this.#storage.getStore() === undefined ? this.#storage.run(snapshot, work) : work()
  }

  /** As `run`, also inside another pin. */
  runAnew<R>(snapshot: Snapshot<T>, work: () => R): R {
    // entering costs, and much of what a request does is inside already
    return this.#storage.getStore() === snapshot ? work() : this.#storage.run(snapshot, work)
  }
}
