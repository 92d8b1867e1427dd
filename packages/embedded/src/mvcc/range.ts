import { type RangeRequest, type RangeResponse, SortOrder, SortTarget } from '@livetree/etcd/wire'
import type { KeyVersion } from './key-history.ts'
import { type KeyRange, keyRange } from './key-range.ts'

/** The state a range is read from: the store, or a transaction that sees its own writes. */
export interface Readable {
  readonly revision: number
  range(range: KeyRange, revision: number): KeyVersion[]
}

/** The fields of a range response without the header. */
export type RangeResult = Pick<RangeResponse, 'kvs' | 'more' | 'count'>

const COMPARATORS: Record<number, (a: KeyVersion, b: KeyVersion) => number> = {
  [SortTarget.key]: (a, b) => Buffer.compare(a.key, b.key),
  [SortTarget.version]: (a, b) => a.version - b.version,
  [SortTarget.create]: (a, b) => a.createRevision - b.createRevision,
  [SortTarget.mod]: (a, b) => a.modRevision - b.modRevision,
  [SortTarget.value]: (a, b) => Buffer.compare(a.value, b.value),
}

const EMPTY_BYTES = Buffer.alloc(0)

function filtersByRevision(request: RangeRequest): boolean {
  return (
    request.minModRevision !== 0 ||
    request.maxModRevision !== 0 ||
    request.minCreateRevision !== 0 ||
    request.maxCreateRevision !== 0
  )
}

function passes(request: RangeRequest, { modRevision, createRevision }: KeyVersion): boolean {
  return (
    (request.maxModRevision === 0 || modRevision <= request.maxModRevision) &&
    modRevision >= request.minModRevision &&
    (request.maxCreateRevision === 0 || createRevision <= request.maxCreateRevision) &&
    createRevision >= request.minCreateRevision
  )
}

/** Sorts versions that are in key order. An invalid order or target keeps them so, as in etcd. */
function sorted({ sortTarget, sortOrder }: RangeRequest, found: KeyVersion[]): KeyVersion[] {
  const compare = COMPARATORS[sortTarget]
  if (compare === undefined) return found
  if (sortOrder === SortOrder.descend) return found.sort((a, b) => compare(b, a))
  const isAscending = sortOrder === SortOrder.ascend || sortOrder === SortOrder.none
  return isAscending && sortTarget !== SortTarget.key ? found.sort(compare) : found
}

/**
 * Answers a range request at its revision, which must be readable. `count` covers the whole range, regardless
 * of the limit and the revision filters.
 */
export function readRange(from: Readable, request: RangeRequest): RangeResult {
  const revision = request.revision > 0 ? request.revision : from.revision
  let found = from.range(keyRange(request.key, request.rangeEnd), revision)
  const count = found.length
  if (request.countOnly) return { kvs: [], more: false, count }
  const isFiltered = filtersByRevision(request)
  const { limit } = request
  // Without an order and a filter, etcd reads one key more than the limit before it sorts and cuts; otherwise
  // it reads all.
  if (request.sortOrder === SortOrder.none && !isFiltered && limit > 0) found = found.slice(0, limit + 1)
  if (isFiltered) found = found.filter((version) => passes(request, version))
  found = sorted(request, found)
  const more = limit > 0 && found.length > limit
  if (more) found = found.slice(0, limit)
  if (request.keysOnly) found = found.map((version) => ({ ...version, value: EMPTY_BYTES }))
  return { kvs: found, more, count }
}
