import type { Violation } from '../history.ts'
import type { Validator } from './evidence.ts'
import { isInRange } from './key-range.ts'
import { isWanted } from './store-index.ts'

/** A watch is given nothing that it did not ask for: no key outside of its range, no kind of change it left out. */
export const filter: Validator = ({ history }) => {
  const violations: Violation[] = []
  for (const watch of history.watches) {
    const inRange = new Map<string, boolean>()
    const isMeant = (key: string): boolean => {
      const known = inRange.get(key) ?? isInRange(key, watch.key, watch.rangeEnd)
      inRange.set(key, known)
      return known
    }
    for (const record of watch.records) {
      if (record.type !== 'events') continue
      for (const event of record.events) {
        if (isMeant(event.key) && isWanted(event, watch.only)) continue
        const what = `was given a ${event.type} of ${event.key}, which it does not watch`
        violations.push({ validator: 'filter', where: watch.name, at: record.revision, what })
      }
    }
  }
  return violations
}
