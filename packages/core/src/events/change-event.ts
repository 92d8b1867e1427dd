import type { Change } from '../pipeline/outcome.ts'
import type { Snapshot } from '../updates/snapshot.ts'

/**
 * The difference between the state a listener received last and the current one. `JSON.stringify` and `inspect` show
 * `changes`, in which secrets are redacted, but not `previous` and `next`.
 */
export class ChangeEvent<T> {
  readonly revision: number
  readonly version: number
  readonly epoch: number
  /** One entry for each changed leaf; a list counts as one leaf. Never empty. */
  readonly changes: readonly Change[]
  readonly #previous: T
  readonly #next: T

  constructor(from: Snapshot<T>, to: Snapshot<T>, changes: readonly Change[]) {
    this.revision = to.revision
    this.version = to.version
    this.epoch = to.epoch
    this.changes = changes
    this.#previous = from.value
    this.#next = to.value
    Object.freeze(this)
  }

  /** The value this listener received last. */
  get previous(): T {
    return this.#previous
  }

  /** The new value; the same as `config.current` unless that has changed since. */
  get next(): T {
    return this.#next
  }
}

/** Computes the change from any earlier snapshot to the newest one; listeners that received the same snapshot share it. */
export class ChangeFeed<T> {
  readonly #diff: (previous: T, next: T) => readonly Change[]
  readonly #events = new Map<number, ChangeEvent<T> | undefined>()
  #version = 0

  constructor(diff: (previous: T, next: T) => readonly Change[]) {
    this.#diff = diff
  }

  /** Returns undefined if the values are equal: the change was reverted while the listener was busy. */
  between(from: Snapshot<T>, to: Snapshot<T>): ChangeEvent<T> | undefined {
    if (to.version !== this.#version) {
      this.#events.clear()
      this.#version = to.version
    }
    if (this.#events.has(from.version)) return this.#events.get(from.version)
    const changes = this.#diff(from.value, to.value)
    const event = changes.length === 0 ? undefined : new ChangeEvent(from, to, Object.freeze(changes))
    this.#events.set(from.version, event)
    return event
  }
}
