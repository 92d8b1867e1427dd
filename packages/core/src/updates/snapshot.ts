/**
 * One state of the configuration, for keeping: `value` and what it is the state of. Immutable. Printing or serializing
 * it shows the numbers and not the value, since a value may hold secrets.
 */
export class Snapshot<T> {
  /** The revision of the store whose tree this is; see `LiveConfig.revision`. */
  readonly revision: number
  /** Counts the values this process has served, from 1. Equal versions are the same value. */
  readonly version: number
  /** Rises when the store behind is another one; revisions compare within one epoch only. */
  readonly epoch: number
  readonly #value: T
  readonly #owner: object

  /** @param owner identifies the configuration; the same for all its snapshots */
  constructor(
    value: T,
    at: { readonly revision: number; readonly version: number; readonly epoch: number },
    owner: object,
  ) {
    this.#value = value
    this.#owner = owner
    this.revision = at.revision
    this.version = at.version
    this.epoch = at.epoch
    Object.freeze(this)
  }

  /** Frozen all the way down. */
  get value(): T {
    return this.#value
  }

  /** Whether both are states of one configuration. */
  isOfSameConfig(other: Snapshot<unknown>): boolean {
    return this.#owner === other.#owner
  }

  /** The same value, found to be the state at another revision too. */
  at(place: { readonly revision: number; readonly epoch: number }): Snapshot<T> {
    if (place.revision === this.revision && place.epoch === this.epoch) return this
    return new Snapshot(this.#value, { version: this.version, ...place }, this.#owner)
  }
}
