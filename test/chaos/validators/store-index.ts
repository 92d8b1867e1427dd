import type { StoreEntry, StoreEvent, StoreHistory } from '../history.ts'
import { isInRange } from './key-range.ts'

/** What a range of keys went through: the same index in both lists belongs together. */
export interface RangeView {
  readonly revisions: readonly number[]
  readonly events: readonly (readonly StoreEvent[])[]
}

/** Which keys and which kinds of change are meant. */
export interface Range {
  readonly key: string
  readonly rangeEnd?: string
  readonly only?: 'puts' | 'deletes'
}

/** What a key held, from each of its revisions on. */
interface Timeline {
  readonly revisions: number[]
  readonly entries: (StoreEntry | undefined)[]
}

/** A store's history, made quick to ask. */
export class StoreIndex {
  readonly history: StoreHistory
  readonly #changes = new Map<number, readonly StoreEvent[]>()
  readonly #timelines = new Map<string, Timeline>()
  readonly #views = new Map<string, RangeView>()

  constructor(history: StoreHistory) {
    this.history = history
    for (const entry of history.base) this.#hold(entry.key, entry.modRevision, entry)
    for (const { revision, events } of history.revisions) {
      this.#changes.set(revision, events)
      for (const event of events) this.#hold(event.key, revision, entryOf(event))
    }
  }

  /** True where what the witness saw says what the store held at the revision. */
  knows(revision: number): boolean {
    return revision >= this.history.baseRevision
  }

  /** The highest revision at which previous values may be gone. */
  get compactedAt(): number {
    return Math.max(0, ...(this.history.compactions ?? []))
  }

  /** All changes of a revision; none for one that changed nothing. */
  changesAt(revision: number): readonly StoreEvent[] {
    return this.#changes.get(revision) ?? []
  }

  /** What a key held when the store was at a revision. */
  entryAt(key: string, revision: number): StoreEntry | undefined {
    const timeline = this.#timelines.get(key)
    return timeline?.entries[firstFrom(timeline.revisions, revision + 1, itself) - 1]
  }

  /** What a range held at a revision, in no order. */
  entriesAt({ key, rangeEnd }: Range, revision: number): StoreEntry[] {
    const inRange = [...this.#timelines.keys()].filter((each) => isInRange(each, key, rangeEnd))
    return inRange.flatMap((each) => this.entryAt(each, revision) ?? [])
  }

  /** What a watch of a range has to be given. */
  view({ key, rangeEnd, only }: Range): RangeView {
    const id = JSON.stringify([key, rangeEnd, only])
    const known = this.#views.get(id) ?? this.#makeView({ key, rangeEnd, only })
    this.#views.set(id, known)
    return known
  }

  #makeView({
    key,
    rangeEnd,
    only,
  }: {
    key: string
    rangeEnd: string | undefined
    only: Range['only']
  }): RangeView {
    const keys = new Set([...this.#timelines.keys()].filter((each) => isInRange(each, key, rangeEnd)))
    const revisions: number[] = []
    const events: (readonly StoreEvent[])[] = []
    for (const change of this.history.revisions) {
      const wanted = change.events.filter((event) => keys.has(event.key) && isWanted(event, only))
      if (wanted.length === 0) continue
      revisions.push(change.revision)
      events.push(wanted)
    }
    return { revisions, events }
  }

  #hold(key: string, revision: number, entry: StoreEntry | undefined): void {
    const timeline = this.#timelines.get(key) ?? { revisions: [], entries: [] }
    this.#timelines.set(key, timeline)
    timeline.revisions.push(revision)
    timeline.entries.push(entry)
  }
}

/** Whether a watch for only one kind of change asks for this one. */
export const isWanted = ({ type }: StoreEvent, only: Range['only']): boolean =>
  only === undefined || only === `${type}s`

/** The index of the first element, in ascending order of revisions, whose revision is at least `revision`. */
export const firstFrom = <T>(
  ordered: readonly T[],
  revision: number,
  revisionOf: (one: T) => number,
): number => {
  let low = 0
  let high = ordered.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (revisionOf(ordered[middle]!) < revision) low = middle + 1
    else high = middle
  }
  return low
}

/** For lists that are revisions themselves. */
export const itself = (revision: number): number => revision

/** The first revision of a view in `[from, to)`. */
export const firstWithin = ({ revisions }: RangeView, from: number, to: number): number | undefined => {
  const found = revisions[firstFrom(revisions, from, itself)]
  return found !== undefined && found < to ? found : undefined
}

/** What a key holds after a change. */
export const entryOf = (event: StoreEvent): StoreEntry | undefined => {
  if (event.type === 'delete') return undefined
  const { key, value, createRevision, modRevision, version } = event
  return { key, value, createRevision, modRevision, version }
}

/** Whether two entries are the same in everything. */
export const isSameEntry = (one: StoreEntry | undefined, other: StoreEntry | undefined): boolean =>
  one === other ||
  (one !== undefined &&
    other !== undefined &&
    one.key === other.key &&
    one.value === other.value &&
    one.createRevision === other.createRevision &&
    one.modRevision === other.modRevision &&
    one.version === other.version)
