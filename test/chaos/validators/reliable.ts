import type { StoreEntry, StoreEvent, Violation, WatchHistory } from '../history.ts'
import type { Validator } from './evidence.ts'
import { knownAfter, type WatchSegment } from './watch-segments.ts'
import { entryOf, firstFrom, isSameEntry, itself } from './store-index.ts'

type Report = (at: number, what: string) => unknown

/**
 * From its first position up to the last revision that was delivered or proven, a watch is given every change of its
 * range, and what it is given is what the store did. Only what is honestly gone (compacted, another store) is left out,
 * and then the list that follows is the tree of its revision.
 */
export const reliable: Validator = ({ history, segments }) => {
  const violations: Violation[] = []
  for (const watch of history.watches) {
    const report = (at: number, what: string) =>
      violations.push({ validator: 'reliable', where: watch.name, at, what })
    for (const segment of segments(watch)) {
      if (segment.store === undefined) report(segment.position, 'watched a store that the witness never saw')
      validateEvents(segment, report)
      validateCompleteness(watch, segment, report)
      if (segment.before.type === 'listed') validateList(watch, segment, segment.before.record, report)
    }
  }
  return violations
}

const validateEvents = ({ store, records }: WatchSegment, report: Report): void => {
  if (store === undefined) return
  for (const record of records) {
    if (record.type !== 'events') continue
    for (const event of record.events) {
      if (!store.knows(event.modRevision - 1)) continue
      const real = store.changesAt(event.modRevision).find(({ key }) => key === event.key)
      if (real === undefined) report(event.modRevision, `was given ${shown(event)}, which never was`)
      else if (!isSameChange(event, real))
        report(event.modRevision, `was given ${shown(event)}, it was ${shown(real)}`)
    }
  }
}

const validateCompleteness = (watch: WatchHistory, segment: WatchSegment, report: Report): void => {
  const { view, position, records, isLast } = segment
  const delivered = new Set<number>()
  for (const record of records) if (record.type === 'events') delivered.add(record.revision)
  const until = Math.max(knownAfter(segment), isLast ? (watch.completeUntil ?? 0) : 0)
  for (let next = firstFrom(view.revisions, position, itself); view.revisions[next]! <= until; next += 1) {
    const revision = view.revisions[next]!
    if (!delivered.has(revision)) report(revision, `was never given it, though it got up to ${until}`)
  }
}

const validateList = (
  watch: WatchHistory,
  { store }: WatchSegment,
  { revision, entries }: { readonly revision: number; readonly entries: readonly StoreEntry[] },
  report: Report,
): void => {
  if (store === undefined || !store.knows(revision)) return
  const real = new Map(store.entriesAt(watch, revision).map((entry) => [entry.key, entry]))
  for (const entry of entries) {
    if (!isSameEntry(entry, real.get(entry.key))) report(revision, `listed ${entry.key} as it was not then`)
    real.delete(entry.key)
  }
  for (const key of real.keys()) report(revision, `listed all without ${key}`)
}

const isSameChange = (one: StoreEvent, other: StoreEvent): boolean =>
  one === other || (one.type === other.type && isSameEntry(entryOf(one), entryOf(other)))

const shown = (event: StoreEvent): string =>
  event.type === 'delete'
    ? `the delete of ${event.key}`
    : `${event.key} = ${JSON.stringify(event.value)} (version ${event.version}, created at ${event.createRevision})`
