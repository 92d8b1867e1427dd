import type { StoreEvent, StoreHistory, StoreRevision } from '../history.ts'

/** The history of one store while it is being recorded. */
export class StoreTape {
  /** Grows as the tape does. */
  readonly history: StoreHistory
  readonly compactions: number[] = []
  /** The first revision not recorded yet. */
  position: number
  readonly #revisions: StoreRevision[] = []
  /** The highest revision of which nothing is recorded. */
  #passed = 0
  #open: { revision: number; events: StoreEvent[] } | undefined

  /** `start` says what was there before the first change. */
  constructor(start: Pick<StoreHistory, 'clusterId' | 'prefix' | 'baseRevision' | 'base'>) {
    this.history = { ...start, revisions: this.#revisions, compactions: this.compactions }
    this.position = start.baseRevision + 1
  }

  /** The last change recorded. */
  get lastEvent(): StoreEvent | undefined {
    return this.#revisions.at(-1)?.events.at(-1)
  }

  set final(final: NonNullable<StoreHistory['final']>) {
    Object.assign(this.history, { final })
  }

  /** The next change, in the store's order. */
  add(event: StoreEvent): void {
    if (this.#open?.revision !== event.modRevision) {
      this.flush()
      this.#open = { revision: event.modRevision, events: [] }
    }
    this.#open!.events.push(event)
  }

  /** A change of a key that is not recorded. */
  pass(revision: number): void {
    if (this.#open?.revision !== revision) this.flush()
    this.#passed = Math.max(this.#passed, revision)
  }

  /** No more of this revision will come. */
  flush(): void {
    if (this.#open !== undefined) this.#revisions.push(this.#open)
    this.position = Math.max(this.position, this.#passed + 1, (this.#open?.revision ?? 0) + 1)
    this.#open = undefined
  }
}
