import type { StoreEvent, Violation } from '../history.ts'
import type { Validator } from './evidence.ts'
import { firstFrom, itself } from './store-index.ts'

/** All changes of one revision come in one call, in the store's order, with none missing. */
export const atomic: Validator = ({ history, segments }) => {
  const violations: Violation[] = []
  for (const watch of history.watches) {
    const report = (at: number, what: string) =>
      violations.push({ validator: 'atomic', where: watch.name, at, what })
    for (const { view, records } of segments(watch)) {
      let last = 0
      for (const record of records) {
        if (record.type !== 'events') continue
        const { revision, events } = record
        if (revision === last) report(revision, 'was given this revision in more than one call')
        last = revision
        if (events.length === 0) report(revision, 'was called with nothing')
        const strange = events.find(({ modRevision }) => modRevision !== revision)
        if (strange) report(revision, `was given ${strange.key} of revision ${strange.modRevision} with it`)
        const index = firstFrom(view.revisions, revision, itself)
        const all = view.revisions[index] === revision ? view.events[index]! : []
        const missing = all.filter(({ key }) => !events.some((event) => event.key === key))
        if (missing.length > 0) report(revision, `was given it without ${keysOf(missing)}`)
        else if (!isInOrder(events, all))
          report(revision, `was given ${keysOf(events)}, in the store it was ${keysOf(all)}`)
      }
    }
  }
  return violations
}

/** Whether what both have comes in the same order. What only one of them has is for other validators. */
const isInOrder = (events: readonly StoreEvent[], all: readonly StoreEvent[]): boolean => {
  if (all.length < 2) return true
  const places = new Map(all.map(({ key }, place) => [key, place]))
  const given = events.flatMap(({ key }) => places.get(key) ?? [])
  return given.every((place, index) => index === 0 || given[index - 1]! <= place)
}

const keysOf = (events: readonly StoreEvent[]): string => events.map(({ key }) => key).join(', ')
