import type { Violation } from '../history.ts'
import type { Validator } from './evidence.ts'

/**
 * What looks like the creation of a key is one, and nothing else does: version 1, and created by the very revision, of a
 * key that was not there before.
 */
export const isCreate: Validator = ({ history, segments }) => {
  const violations: Violation[] = []
  for (const watch of history.watches) {
    for (const { store, records } of segments(watch)) {
      for (const record of records) {
        if (record.type !== 'events') continue
        for (const event of record.events) {
          if (event.type === 'delete') continue
          const { key, version, createRevision, modRevision } = event
          const before = modRevision - 1
          const report = (what: string) =>
            violations.push({ validator: 'is-create', where: watch.name, at: modRevision, what })
          const looksNew = version === 1
          if (looksNew !== (createRevision === modRevision))
            report(`was given ${key} with version ${version}, created at ${createRevision}`)
          else if (store?.knows(before) && looksNew !== (store.entryAt(key, before) === undefined))
            report(
              `was given ${key} with version ${version}, which was${looksNew ? '' : ' not'} there before`,
            )
        }
      }
    }
  }
  return violations
}
