import type { StoreEvent, WatchRecord } from '../history.ts'
import { isSameEntry } from '../validators/store-index.ts'

type EventsRecord = Extract<WatchRecord, { type: 'events' }>

/**
 * Keeps one of each event and of each delivery that are equal in everything, so that fifty watchers of the same range
 * cost little more than one. What differs in anything stays an object of its own: nothing is hidden by it.
 */
export class EventPool {
  readonly #events = new Map<number, StoreEvent[]>()
  readonly #records = new Map<number, EventsRecord[]>()

  /** An equal event met before, or this one. */
  event(event: StoreEvent): StoreEvent {
    return keep(this.#events, event.modRevision, event, isSameEvent)
  }

  /** An equal delivery met before, or a new one. */
  record(revision: number, events: readonly StoreEvent[]): EventsRecord {
    const pooled = events.map((event) => this.event(event))
    return keep(this.#records, revision, { type: 'events', revision, events: pooled }, isSameRecord)
  }
}

const keep = <T>(pool: Map<number, T[]>, revision: number, one: T, isSame: (a: T, b: T) => boolean): T => {
  const known = pool.get(revision)
  if (known === undefined) {
    pool.set(revision, [one])
    return one
  }
  const found = known.find((each) => isSame(each, one))
  if (found === undefined) known.push(one)
  return found ?? one
}

const isSameRecord = (one: EventsRecord, other: EventsRecord): boolean =>
  one.events.length === other.events.length &&
  one.events.every((event, index) => event === other.events[index])

const isSameEvent = (one: StoreEvent, other: StoreEvent): boolean => {
  if (one.key !== other.key || one.modRevision !== other.modRevision) return false
  if (!isSameEntry(one.previous, other.previous)) return false
  if (one.type === 'delete' || other.type === 'delete') return one.type === other.type
  return (
    one.value === other.value && one.createRevision === other.createRevision && one.version === other.version
  )
}
