import type { Violation } from '../history.ts'
import type { Validator } from './evidence.ts'
import { isSameEntry } from './store-index.ts'

/**
 * How far the store may go between the revision that the server answers with, which etcd 3.4 reads before it starts to
 * watch, and the moment at which it has noted the options.
 */
const mostUnnoted = 20

const unnotedFrom = (revision: number | undefined): number =>
  revision === undefined ? 0 : revision + mostUnnoted

/**
 * The previous value of a change is what the key held one revision before. It is there whenever it was asked for and the
 * key was there, unless that revision may have been compacted by then, or the server took the watch on only then: etcd
 * starts to watch before it notes that previous values are asked for (`recvLoop` of `api/v3rpc/watch.go`), and what its
 * `sendLoop` takes up in between has none. All after the first previous value has one.
 */
export const prevKv: Validator = ({ history, segments }) => {
  const violations: Violation[] = []
  for (const watch of history.watches) {
    for (const { store, records, takenOnAt } of segments(watch)) {
      const compactedAt = store?.compactedAt ?? 0
      let unnotedUntil = unnotedFrom(takenOnAt)
      for (const record of records) {
        if (record.type === 'resumed') unnotedUntil = unnotedFrom(record.revision)
        if (record.type !== 'events') continue
        if (record.events.some(({ previous }) => previous !== undefined)) unnotedUntil = 0
        for (const { key, modRevision, previous } of record.events) {
          const report = (what: string) =>
            violations.push({ validator: 'prev-kv', where: watch.name, at: modRevision, what })
          if (!watch.prevKv) {
            if (previous !== undefined)
              report(`was given the previous value of ${key}, for which it did not ask`)
            continue
          }
          if (!store?.knows(modRevision - 1)) continue
          const held = store.entryAt(key, modRevision - 1)
          if (isSameEntry(previous, held)) continue
          if (previous !== undefined)
            report(
              `was told that ${key} held ${JSON.stringify(previous.value)} before, it held ${shown(held?.value)}`,
            )
          else if (modRevision > Math.max(compactedAt, unnotedUntil))
            report(`was not told what ${key} held before: ${shown(held?.value)}`)
        }
      }
    }
  }
  return violations
}

const shown = (value: string | undefined): string => (value === undefined ? 'nothing' : JSON.stringify(value))
