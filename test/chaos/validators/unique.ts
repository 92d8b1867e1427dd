import type { StoreEvent, Violation } from '../history.ts'
import type { Validator } from './evidence.ts'

/** A watch is given no change twice: no key with the same revision, as long as it is on one store. */
export const unique: Validator = ({ history, segments }) => {
  const violations: Violation[] = []
  for (const watch of history.watches) {
    const told = new Map<unknown, Map<number, StoreEvent[]>>()
    for (const { store, records } of segments(watch)) {
      const seen = told.get(store) ?? new Map<number, StoreEvent[]>()
      told.set(store, seen)
      for (const record of records) {
        if (record.type !== 'events') continue
        for (const event of record.events) {
          const same = seen.get(event.modRevision)
          if (same === undefined) seen.set(event.modRevision, [event])
          else if (same.some(({ key }) => key === event.key)) {
            const what = `was given ${event.key} of this revision twice`
            violations.push({ validator: 'unique', where: watch.name, at: event.modRevision, what })
          } else same.push(event)
        }
      }
    }
  }
  return violations
}
