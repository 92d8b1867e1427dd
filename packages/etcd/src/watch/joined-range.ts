import type { KeyRange } from '../key-range-form.ts'
import { HeldChanges } from './held-changes.ts'
import type { WatchBatch, WatchEvent } from './watch-handlers.ts'
import type { WatchState } from './watch-state.ts'
import type { WatchedStore } from './watched-store.ts'

/** What a join needs of the watch of one range. */
export type JoinableWatch = JoinedState & {
  readonly store: Pick<WatchedStore, 'unchangedTo' | 'addedKeys'>
}

type JoinedState = Pick<
  WatchState,
  | 'position'
  | 'state'
  | 'lastStream'
  | 'isProgressOrdered'
  | 'raftTerm'
  | 'reached'
  | 'pause'
  | 'resume'
  | 'cancel'
>

/** One range of a join: its watch, and the changes that wait for the other ranges. */
export class JoinedRange {
  readonly range: KeyRange
  watcher: JoinableWatch | undefined
  /** Up to this revision the range is known, whatever its watch has delivered. */
  #knownTo: number
  /** Revisions at which the content is the same as at `from`. */
  #same: { readonly from: number; readonly at: ReadonlySet<number> } = { from: 0, at: new Set() }
  #batches: WatchBatch[] = []
  #next = 0
  #askedFor = 0
  /** How many keys it had, by what was read, and how many its watch had added then. */
  #counted: { readonly count: number; readonly added: number } | undefined
  /** Changes that arrived after what was known without them was passed on, until they have undone each other. */
  #late: WatchEvent[] = []
  #heldLate = new HeldChanges()
  /** Keys that only those changes have put. */
  readonly #lateKeys = new Set<string>()
  /** Ends the wait for the progress that was requested last. */
  #waiting: AbortController | undefined

  /** `after`: everything up to this revision is known. */
  constructor(range: KeyRange, after: number) {
    this.range = range
    this.#knownTo = after
  }

  /** All changes up to this revision have arrived. */
  get reached(): number {
    return Math.max(this.#knownTo, (this.watcher?.position ?? 0) - 1)
  }

  /** Whether the content at a revision is known: all changes up to it have arrived, or have left no trace in it. */
  isKnownAt(revision: number): boolean {
    const { from, at } = this.#same
    return this.reached >= revision || (from === this.reached && at.has(revision))
  }

  /** The earliest change that waits. */
  get head(): WatchBatch | undefined {
    return this.#batches[this.#next]
  }

  /** The latest change that waits. */
  get tail(): WatchBatch | undefined {
    return this.#batches.at(-1)
  }

  /** How many keys it has at `reached`; undefined if that is not known. */
  get count(): number | undefined {
    return this.#counted && this.#counted.count + this.#addedKeys - this.#counted.added
  }

  get #addedKeys(): number {
    return this.watcher?.store.addedKeys ?? 0
  }

  /** True for a change at a revision that was passed on without it, since it has left no trace in the content. */
  isLate({ revision }: WatchBatch): boolean {
    return revision <= this.#knownTo
  }

  /** Adds a change that is not late. */
  push(batch: WatchBatch): void {
    this.#batches.push(batch)
  }

  /** Adds a late change. Returns all of them as soon as the content is, after them, what was passed on. */
  pushLate(batch: WatchBatch): readonly WatchEvent[] | undefined {
    this.#heldLate.add(batch)
    for (const event of batch.events) {
      this.#late.push(event)
      const key = event.kv.key.toString('latin1')
      if (event.type === 'put') this.#lateKeys.add(key)
      else this.#lateKeys.delete(key)
    }
    if (this.#lateKeys.size > 0) return undefined
    const undone = this.#late
    this.#late = []
    this.#heldLate = new HeldChanges()
    return undone
  }

  /** Whether more late changes wait to be undone than is kept. */
  get hasTooManyLate(): boolean {
    return this.#heldLate.isTooMuch
  }

  /** Removes and returns the earliest change if it is of this revision. */
  take(revision: number): WatchBatch | undefined {
    const { head } = this
    if (head?.revision !== revision) return undefined
    this.#next += 1
    // Under constant writes there is always one that waits, and those taken must not be kept for it.
    if (this.#next * 2 >= this.#batches.length) {
      this.#batches = this.#batches.slice(this.#next)
      this.#next = 0
    }
    return head
  }

  /** The revisions of the earliest changes that wait. */
  revisions(most: number): number[] {
    return this.#batches.slice(this.#next, this.#next + most).map(({ revision }) => revision)
  }

  /**
   * Records further revisions at which the content is what it was at `from`: changes in between have left no trace
   * in it. This says nothing of the revisions in between, and is void once the range has reached another one.
   * What was recorded before stays: two ranges whose answers come in turns would otherwise wait for each other for ever.
   *
   * @param count how many keys there were at `from`; undefined if that is not known
   */
  isSameAt(from: number, at: readonly number[], count: number | undefined): void {
    if (from !== this.reached) return
    const before = this.#same.from === from ? this.#same.at : []
    this.#same = { from, at: new Set([...before, ...at]) }
    this.#counted = count === undefined ? undefined : { count, added: this.#addedKeys }
  }

  /** A revision at which the content is known was passed on: what has left no trace in it is of no interest. */
  passedOn(revision: number): void {
    if (this.reached >= revision) return
    this.#knownTo = revision
    this.watcher?.store.unchangedTo(revision)
    const later = [...this.#same.at].filter((each) => each > revision)
    this.#same = { from: revision, at: new Set(later) }
  }

  /** Forgets what was read and not passed on: another store may have been read than the one that is watched next. */
  forgetReads(): void {
    this.#same = { from: 0, at: new Set() }
    this.#counted = undefined
  }

  /** Requests progress of the watch, at once, unless that was done for this revision before. */
  ask(revision: number): void {
    if (this.#askedFor >= revision) return
    this.#askedFor = revision
    // Where no progress ever comes, no more than one wait is left.
    this.#waiting?.abort()
    this.#waiting = new AbortController()
    const { signal } = this.#waiting
    // A watch that ends reports that by its handlers.
    this.watcher?.reached(revision, { isUrgent: true, signal }).catch(() => undefined)
  }
}
