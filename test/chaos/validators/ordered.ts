import type { Violation } from '../history.ts'
import type { Validator } from './evidence.ts'

/** Revisions never go back within a watch, as long as it is on one store. */
export const ordered: Validator = ({ history, segments }) => {
  const violations: Violation[] = []
  for (const watch of history.watches) {
    let newest = 0
    for (const segment of segments(watch)) {
      if (segment.before.type !== 'segment') newest = 0
      for (const record of segment.records) {
        if (record.type !== 'events') continue
        for (const { key, modRevision } of record.events) {
          if (modRevision < newest) {
            const what = `was given ${key} of revision ${modRevision} after revision ${newest}`
            violations.push({ validator: 'ordered', where: watch.name, at: modRevision, what })
          }
          newest = Math.max(newest, modRevision)
        }
      }
    }
  }
  return violations
}
