import type { StoreEvent, WatchHistory, WatchRecord } from '../history.ts'
import type { RangeView, StoreIndex } from './store-index.ts'

/** One stretch of a watch, from `created` to what ended it: within it, one position goes on through one store. */
export interface WatchSegment {
  /** Undefined where the witness never saw such a store. */
  readonly store: StoreIndex | undefined
  /** What the store did in the watched range. */
  readonly view: RangeView
  /** The first revision it has to deliver. */
  readonly position: number
  /** The store's revision when the server had taken the watch on, where the consumer hears of it. */
  readonly takenOnAt: number | undefined
  /** What the consumer had before: a list, or another segment up to a revision, in the same store. */
  readonly before:
    | { readonly type: 'nothing' }
    | { readonly type: 'listed'; readonly record: Extract<WatchRecord, { type: 'listed' }> }
    | { readonly type: 'segment'; readonly known: number }
  /** All after `created`, up to the next `created` or `listed`. */
  readonly records: readonly WatchRecord[]
  readonly isLast: boolean
}

const noView: RangeView = { revisions: [], events: [] }

/** Cuts what a watch recorded into its segments. */
export const segmentsOf = (watch: WatchHistory, stores: readonly StoreIndex[]): WatchSegment[] => {
  const { records } = watch
  const segments: WatchSegment[] = []
  let listed: Extract<WatchRecord, { type: 'listed' }> | undefined
  let isAnotherStore = false
  let current: number | undefined
  for (const [index, record] of records.entries()) {
    if (record.type === 'listed') listed = record
    if (record.type === 'clusterChanged') isAnotherStore = true
    if (record.type !== 'created') continue
    const stretch = stretchFrom(records, index + 1)
    const clusterId = listed?.clusterId ?? record.clusterId
    const from = current === undefined ? 0 : isAnotherStore ? current + 1 : current
    const found =
      storeOf(stores, clusterId, from, stretch) ?? storeOf(stores, clusterId, current ?? 0, stretch)
    const store = found === undefined ? undefined : stores[found]
    const last = segments.at(-1)
    const isSame = last !== undefined && last.store === store
    segments.push({
      store,
      view: store?.view(watch) ?? noView,
      position: record.position,
      takenOnAt: record.revision,
      before:
        listed !== undefined
          ? { type: 'listed', record: listed }
          : isSame
            ? { type: 'segment', known: knownAfter(last) }
            : { type: 'nothing' },
      records: stretch,
      isLast: index + 1 + stretch.length === records.length,
    })
    current = found ?? current
    listed = undefined
    isAnotherStore = false
  }
  return segments
}

/** The highest revision up to which the client gave all of a segment, by its deliveries, by exact progress, or by its word. */
export const knownAfter = ({ position, records }: Pick<WatchSegment, 'position' | 'records'>): number => {
  let known = position - 1
  for (const record of records) {
    if (record.type === 'events' || (record.type === 'progress' && record.isExact))
      known = Math.max(known, record.revision)
    if (record.type === 'resumed' || record.type === 'compacted') known = Math.max(known, record.position - 1)
  }
  return known
}

const stretchFrom = (records: readonly WatchRecord[], start: number): readonly WatchRecord[] => {
  let end = start
  while (end < records.length && records[end]!.type !== 'created' && records[end]!.type !== 'listed') end += 1
  return records.slice(start, end)
}

/**
 * The store that a segment is about. A restored store may have the id of the one before; then the first of them that
 * did what was delivered first is meant.
 */
const storeOf = (
  stores: readonly StoreIndex[],
  clusterId: string,
  from: number,
  stretch: readonly WatchRecord[],
): number | undefined => {
  const named = [...stores.keys()].filter(
    (index) => index >= from && stores[index]!.history.clusterId === clusterId,
  )
  const first = stretch.find((record) => record.type === 'events')?.events[0]
  return named.find((index) => first !== undefined && didSo(stores[index]!, first)) ?? named[0]
}

const didSo = (store: StoreIndex, event: StoreEvent): boolean =>
  store
    .changesAt(event.modRevision)
    .some(
      (each) =>
        each.key === event.key &&
        (each.type === 'put' ? each.value : undefined) === (event.type === 'put' ? event.value : undefined),
    )
