import type { StoreEntry, StoreEvent, StoreHistory, Violation } from '../history.ts'
import type { Validator } from './evidence.ts'
import { entryOf, isSameEntry } from './store-index.ts'

/**
 * What the witness saw is a history that a store can have: revisions rise without gaps (unless only a part is recorded), each key's version and creation follow from
 * what it was before, and all of it replayed comes to what was read at the end. Where this fails, the other verdicts
 * are worth nothing.
 */
export const storeConsistent: Validator = ({ history }) =>
  history.epochs.flatMap((store, number) => {
    const violations: Violation[] = []
    const report = (at: number, what: string) =>
      violations.push({
        validator: 'store-consistent',
        where: `store ${number} (${store.clusterId})`,
        at,
        what,
      })
    validate(store, report)
    return violations
  })

const validate = (store: StoreHistory, report: (at: number, what: string) => unknown): void => {
  const tree = new Map(store.base.map((entry) => [entry.key, entry]))
  const { final } = store
  let isFinalValidated = final === undefined
  const validateFinal = () => {
    isFinalValidated = true
    if (final !== undefined) validateTree(tree, final.entries, (what) => report(final.revision, what))
  }
  let last = store.baseRevision
  for (const { revision, events } of store.revisions) {
    if (!isFinalValidated && revision > final!.revision) validateFinal()
    if (revision <= last || (store.prefix === undefined && revision > last + 1))
      report(revision, `comes after revision ${last}`)
    if (events.length === 0) report(revision, 'changed nothing')
    if (new Set(events.map(({ key }) => key)).size < events.length) report(revision, 'changed a key twice')
    last = revision
    for (const event of events) {
      const what = wrongWith(event, revision, tree.get(event.key))
      if (what !== undefined) report(revision, what)
      const entry = entryOf(event)
      if (entry === undefined) tree.delete(event.key)
      else tree.set(event.key, entry)
    }
  }
  if (!isFinalValidated) validateFinal()
}

const wrongWith = (
  event: StoreEvent,
  revision: number,
  before: StoreEntry | undefined,
): string | undefined => {
  const { key, modRevision } = event
  if (modRevision !== revision) return `${key} is of revision ${modRevision}`
  if (event.type === 'delete')
    return before === undefined ? `${key} was deleted and was not there` : undefined
  const [version, created] =
    before === undefined ? [1, revision] : [before.version + 1, before.createRevision]
  if (event.version === version && event.createRevision === created) return undefined
  return `${key} has version ${event.version}, created at ${event.createRevision}; it should be ${version}, created at ${created}`
}

const validateTree = (
  tree: ReadonlyMap<string, StoreEntry>,
  entries: readonly StoreEntry[],
  report: (what: string) => unknown,
): void => {
  for (const entry of entries) {
    if (!isSameEntry(entry, tree.get(entry.key)))
      report(`${entry.key} was read at the end as it is not recorded`)
  }
  const read = new Set(entries.map(({ key }) => key))
  for (const key of tree.keys()) if (!read.has(key)) report(`${key} was not read at the end, but is recorded`)
}
