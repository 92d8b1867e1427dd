import type { Change } from '../pipeline/outcome.ts'
import type { Snapshot } from '../updates/snapshot.ts'

/**
 * What differs between the state a listener was told of last and the state now. Printing it shows the changes, in which
 * secrets are redacted; the values themselves are there to be read, and are not printed.
 */
export class ChangeEvent<T> {
  readonly revision: number
  readonly version: number
  readonly epoch: number
  /** Leaf by leaf; a list counts as one leaf. Never empty. */
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

  /** The value this listener knew before. */
  get previous(): T {
    return this.#previous
  }

  /** The value now; the same as `config.current` unless that has moved on. */
  get next(): T {
    return this.#next
  }
}

/** Gives the difference of any earlier snapshot to the newest one; listeners that stand at the same place share it. */
export class ChangeFeed<T> {
  readonly #diff: (previous: T, next: T) => readonly Change[]
  readonly #events = new Map<number, ChangeEvent<T> | undefined>()
  #version = 0

  constructor(diff: (previous: T, next: T) => readonly Change[]) {
    this.#diff = diff
  }

  /** undefined when the values are equal: a change that was taken back before the listener was free. */
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
