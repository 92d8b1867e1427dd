import type { Violation } from '../history.ts'
import type { Validator } from './evidence.ts'
import { firstFrom, itself } from './store-index.ts'

/**
 * After exact progress at a revision, all up to it was delivered, and nothing up to it comes any more. Word that is not
 * exact promises nothing.
 */
export const bookmarkable: Validator = ({ history, segments }) => {
  const violations: Violation[] = []
  for (const watch of history.watches) {
    const report = (at: number, what: string) =>
      violations.push({ validator: 'bookmarkable', where: watch.name, at, what })
    for (const { view, position, records } of segments(watch)) {
      const delivered = new Set<number>()
      let bookmark = 0
      let next = firstFrom(view.revisions, position, itself)
      for (const record of records) {
        if (record.type === 'events') {
          delivered.add(record.revision)
          if (record.revision <= bookmark)
            report(record.revision, `was given it after progress at ${bookmark}`)
        }
        if (record.type !== 'progress' || !record.isExact) continue
        bookmark = Math.max(bookmark, record.revision)
        for (; view.revisions[next]! <= record.revision; next += 1) {
          const revision = view.revisions[next]!
          if (!delivered.has(revision))
            report(revision, `was told of progress at ${record.revision} without it`)
        }
      }
    }
  }
  return violations
}
