import type { Violation, WriteRecord } from '../history.ts'
import type { Evidence, Validator } from './evidence.ts'
import type { StoreIndex } from './store-index.ts'

type Put = Extract<WriteRecord['operations'][number], { type: 'put' }>

/**
 * A writer is told the truth: what was `applied` is in the store at exactly its revision and nowhere else, what was
 * `refused` is nowhere, and what is `unknown` is there whole at one revision, or not at all. Puts are found by key and
 * value; one that several writes have in common (a flag is on or off) proves nothing and is passed over.
 */
export const writesHonest: Validator = (evidence) => {
  const found = revisionsOfPuts(evidence)
  const counts = countOfWrites(evidence.history.writes)
  return evidence.history.writes.flatMap((write) => {
    const puts = write.operations.filter((each) => each.type === 'put')
    const places = puts
      .filter((put) => counts.get(idOf(put)) === 1)
      .map((put) => ({ put, revisions: found.get(idOf(put)) ?? [] }))
    const what = wrongWith(write, evidence, places)
    const { writer: where, outcome } = write
    const at = outcome.type === 'applied' ? { at: outcome.revision } : {}
    return what === undefined ? [] : [{ validator: 'writes-honest', where, ...at, what } satisfies Violation]
  })
}

const idOf = ({ key, value }: { readonly key: string; readonly value: string }): string => `${key}\0${value}`

const countOfWrites = (writes: readonly WriteRecord[]): Map<string, number> => {
  const counts = new Map<string, number>()
  for (const put of writes.flatMap(({ operations }) => operations)) {
    if (put.type === 'put') counts.set(idOf(put), (counts.get(idOf(put)) ?? 0) + 1)
  }
  return counts
}

/** Where each put is found. Stores that share their past have it at the same revision, which counts once. */
const revisionsOfPuts = ({ history }: Evidence): Map<string, number[]> => {
  const found = new Map<string, number[]>()
  for (const { revisions } of history.epochs) {
    for (const { revision, events } of revisions) {
      for (const event of events) {
        if (event.type === 'delete') continue
        const known = found.get(idOf(event))
        if (known === undefined) found.set(idOf(event), [revision])
        else if (!known.includes(revision)) known.push(revision)
      }
    }
  }
  return found
}

const wrongWith = (
  { operations, outcome }: WriteRecord,
  { stores }: Evidence,
  places: readonly { readonly put: Put; readonly revisions: readonly number[] }[],
): string | undefined => {
  const twice = places.find(({ revisions }) => revisions.length > 1)
  if (twice) return `${twice.put.key} was written by it at ${twice.revisions.join(' and ')}`
  const there = places.filter(({ revisions }) => revisions.length > 0)
  if (outcome.type === 'refused')
    return there.length === 0
      ? undefined
      : `was refused (${outcome.code}), and ${there[0]!.put.key} is written`
  if (outcome.type === 'unknown') {
    const revisions = new Set(there.flatMap((place) => place.revisions))
    const isWhole = there.length === 0 || (there.length === places.length && revisions.size === 1)
    return isWhole ? undefined : `was written in part: ${there.map(({ put }) => put.key).join(', ')}`
  }
  const { revision } = outcome
  const asking = stores.filter((store) => store.knows(revision - 1))
  if (asking.length < stores.length && there.length === 0) return undefined
  const verdicts = asking.map((store) => differenceAt(store, revision, operations))
  return verdicts.includes(undefined) ? undefined : verdicts.at(-1)
}

/** In what a revision of a store differs from a write; undefined when it is the write. */
const differenceAt = (
  store: StoreIndex,
  revision: number,
  operations: WriteRecord['operations'],
): string | undefined => {
  const events = store.changesAt(revision)
  const isDone = (each: WriteRecord['operations'][number]): boolean => {
    const event = events.find(({ key }) => key === each.key)
    if (each.type === 'delete') return store.entryAt(each.key, revision) === undefined
    return event?.type === 'put' && event.value === each.value
  }
  const missing = operations.find((each) => !isDone(each))
  if (missing) return `was applied, but the ${missing.type} of ${missing.key} is not there`
  // deletes of keys that are not there make no revision: the one told is that of someone else
  const hasEffect = operations.some((each) => each.type === 'put')
  const foreign = events.find(({ key }) => !operations.some((each) => each.key === key))
  return hasEffect && foreign ? `was applied, and ${foreign.key}, which is not its own, with it` : undefined
}
