import { EtcdError } from '../errors.ts'
import type { KeyRange, Namespace } from '../key-range.ts'
import { type RangeRequest, SortOrder, SortTarget } from '../wire/kv.ts'
import type { Init } from '../wire/message.ts'

/** What every call may be given. */
export interface CallControl {
  /** Milliseconds, retries included. Default: the client's `timeouts.callMs`. */
  readonly timeoutMs?: number
  /** Ends the call with code `cancelled`. */
  readonly signal?: AbortSignal
  /** Told of each attempt that failed and is made again, so that a long wait has a reason. Must not throw. */
  readonly onRetry?: (error: EtcdError) => void
  /** Answers of another cluster fail with `cluster_changed`. Default: the cluster in hand when the call begins. */
  readonly clusterId?: bigint
}

/** How to read. */
export interface ReadOptions {
  /** Read as it was at this revision. Default: now. */
  readonly revision?: number
  /**
   * Let the asked member answer from what it has, without asking the others: quicker, and possibly old. An answer older
   * than what this client has seen is asked for again and at last refused with `stale_read`. Default false.
   */
  readonly serializable?: boolean
}

/** What to read of a range. */
export interface RangeOptions extends ReadOptions {
  /** At most so many entries; `hasMore` tells whether there are others. Default: all. */
  readonly limit?: number
  /** Default: by key, ascending. */
  readonly sort?: { readonly by: keyof typeof SortTarget; readonly order?: 'ascend' | 'descend' }
  /** Leave out the values. */
  readonly keysOnly?: boolean
  /** Leave out the entries. */
  readonly countOnly?: boolean
  readonly minModRevision?: number
  readonly maxModRevision?: number
  readonly minCreateRevision?: number
  readonly maxCreateRevision?: number
}

/** A range and what to read of it: `{ prefix: '/config/', limit: 10 }`. */
export type RangeQuery = KeyRange & RangeOptions

const wholeNumber = (name: string, value: number | undefined): number | undefined => {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) return value
  throw new EtcdError('invalid_argument', { what: `${name} is ${value}, not a whole number from 0 on` })
}

/** The request for a query. Throws `invalid_argument`. */
export const rangeRequest = (query: RangeQuery, namespace: Namespace): Init<RangeRequest> => {
  const { key, rangeEnd } = namespace.range(query)
  const { sort } = query
  return {
    key,
    rangeEnd,
    limit: wholeNumber('limit', query.limit),
    revision: wholeNumber('revision', query.revision),
    sortOrder: sort === undefined ? undefined : SortOrder[sort.order ?? 'ascend'],
    sortTarget: sort === undefined ? undefined : SortTarget[sort.by],
    serializable: query.serializable,
    keysOnly: query.keysOnly,
    countOnly: query.countOnly,
    minModRevision: wholeNumber('minModRevision', query.minModRevision),
    maxModRevision: wholeNumber('maxModRevision', query.maxModRevision),
    minCreateRevision: wholeNumber('minCreateRevision', query.minCreateRevision),
    maxCreateRevision: wholeNumber('maxCreateRevision', query.maxCreateRevision),
  }
}

/** The request for one key, the most frequent one. */
export const keyRequest = (
  key: string | Uint8Array,
  options: ReadOptions,
  namespace: Namespace,
): Init<RangeRequest> => ({
  key: namespace.key(key),
  revision: wholeNumber('revision', options.revision),
  serializable: options.serializable,
})

/** The part of a call's options that concerns the call itself. */
export const controlOf = ({ timeoutMs, signal, onRetry, clusterId }: CallControl): CallControl => ({
  ...(timeoutMs === undefined ? {} : { timeoutMs }),
  ...(signal === undefined ? {} : { signal }),
  ...(onRetry === undefined ? {} : { onRetry }),
  ...(clusterId === undefined ? {} : { clusterId }),
})

/** The pages of one listing are of one cluster: that of its first page. Servers that name none are taken as they are. */
export function pinned(clusterId: bigint | undefined): { readonly clusterId?: bigint } {
  return clusterId === undefined || clusterId === 0n ? {} : { clusterId }
}
