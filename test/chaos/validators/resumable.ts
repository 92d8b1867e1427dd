import type { Violation } from '../history.ts'
import type { Validator } from './evidence.ts'
import type { WatchSegment } from './watch-segments.ts'
import { firstWithin } from './store-index.ts'

/**
 * A watch begins, and goes on after every loss of contact, exactly where it stood: the first delivery is the first
 * change from the position on, and the position itself leaves nothing out and repeats nothing. A history is given up
 * only where it is gone.
 */
export const resumable: Validator = ({ history, segments }) => {
  const violations: Violation[] = []
  for (const watch of history.watches) {
    const report = (at: number, what: string) =>
      violations.push({ validator: 'resumable', where: watch.name, at, what })
    for (const segment of segments(watch)) validate(segment, report)
  }
  return violations
}

const validate = (
  { view, position, before, records }: WatchSegment,
  report: (at: number, what: string) => unknown,
) => {
  /** Nothing between what is known and where it goes on. */
  const assertJoins = (known: number, at: number, how: string) => {
    if (at <= known) report(at, `${how} at ${at}, though all up to ${known} was known`)
    const missed = firstWithin(view, known + 1, at)
    if (missed !== undefined) report(missed, `${how} at ${at}, and left this revision out`)
  }
  if (before.type === 'segment') assertJoins(before.known, position, 'began anew')
  if (before.type === 'listed' && position !== before.record.revision + 1)
    report(position, `began at ${position} after a list at ${before.record.revision}`)
  let known = position - 1
  let isFresh = true
  for (const record of records) {
    if (record.type === 'events') {
      if (isFresh && record.revision <= known)
        report(record.revision, `was given it from position ${known + 1}`)
      const missed = isFresh ? firstWithin(view, known + 1, record.revision) : undefined
      if (missed !== undefined)
        report(missed, `was given revision ${record.revision} first, without this one`)
      isFresh = false
      known = Math.max(known, record.revision)
    } else if (record.type === 'progress') {
      if (record.isExact) known = Math.max(known, record.revision)
    } else if (record.type === 'resumed') {
      assertJoins(known, record.position, 'was resumed')
      known = Math.max(known, record.position - 1)
      isFresh = true
    } else if (record.type === 'compacted') {
      assertJoins(known, record.position, 'was told of a compaction')
      const { compactRevision } = record
      if (compactRevision > 0 && compactRevision < record.position)
        report(
          record.position,
          `gave up its history, of which only what is before ${compactRevision} is gone`,
        )
    }
  }
}
