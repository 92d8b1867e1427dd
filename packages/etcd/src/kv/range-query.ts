import {
  FLAG,
  FUNCTION,
  MEMBER_ID,
  MILLISECONDS,
  type OptionChecks,
  RANGE_PART,
  readOptions,
  refuseArgument,
  SIGNAL,
  whole,
} from '../check-argument.ts'
import type { EtcdError } from '../errors.ts'
import type { Bytes } from '../bytes.ts'
import { held, type KeyRange, type Namespace } from '../key-range.ts'
import { type RangeRequest, SortOrder, SortTarget } from '../wire/kv.ts'
import type { Init } from '../wire/message-type.ts'

/** What every call may be given. */
export interface CallControl {
  /** Milliseconds for the whole call, all its requests and retries included. Default: the client's `timeouts.callMs`. */
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
  /** Read as it was at this revision. Default, and 0: now. */
  readonly revision?: number
  /**
   * Let the asked member answer from what it has, without asking the others: quicker, and possibly old. An answer older
   * than what this client has seen is asked for again and at last refused with `stale_read`. Default false.
   */
  readonly serializable?: boolean
}

/** What to read of a range. */
export interface RangeOptions extends ReadOptions {
  /** At most so many entries, from 1 on; `hasMore` tells whether there are others. Default: all. */
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

/** The checks of what every call may be given. */
export const CONTROL_CHECKS: OptionChecks<CallControl> = {
  timeoutMs: MILLISECONDS,
  signal: SIGNAL,
  onRetry: FUNCTION,
  clusterId: MEMBER_ID,
}

/** The checks of `ReadOptions`. */
export const READ_CHECKS: OptionChecks<ReadOptions> = { revision: whole(0), serializable: FLAG }

/** The checks of a read of one key. */
export const GET_CHECKS: OptionChecks<ReadOptions & CallControl> = { ...READ_CHECKS, ...CONTROL_CHECKS }

/** The four names of a range; what they hold is checked where it becomes a range of the wire. */
export const RANGE_CHECKS = { key: RANGE_PART, prefix: RANGE_PART, from: RANGE_PART, to: RANGE_PART }

/** Of a range: the names of all its forms. */
export type RangeParts = { readonly [K in keyof typeof RANGE_CHECKS]?: Bytes }

/** The checks of a count. */
export const COUNT_CHECKS: OptionChecks<RangeParts & ReadOptions & CallControl> = {
  ...RANGE_CHECKS,
  ...GET_CHECKS,
}

/** The checks of a range and what to read of it. */
export const RANGE_OPTION_CHECKS: OptionChecks<RangeParts & RangeOptions> = {
  ...RANGE_CHECKS,
  ...READ_CHECKS,
  limit: whole(1),
  sort: { accepts: isSort, expected: `{ by, order } with by one of ${Object.keys(SortTarget).join(', ')}` },
  keysOnly: FLAG,
  countOnly: FLAG,
  minModRevision: whole(0),
  maxModRevision: whole(1),
  minCreateRevision: whole(0),
  maxCreateRevision: whole(1),
}

/** The checks of a read of a range. */
export const QUERY_CHECKS: OptionChecks<RangeParts & RangeOptions & CallControl> = {
  ...RANGE_OPTION_CHECKS,
  ...CONTROL_CHECKS,
}

/** Reads a query, a range and options in one object. The range is checked where it becomes one of the wire. */
export function readQuery<O extends object>(
  call: string,
  checks: OptionChecks<RangeParts & O>,
  query: KeyRange & O,
): KeyRange & O {
  if (query === undefined)
    throw refuseArgument('the query is undefined, not { prefix } or another range', call)
  const given = readOptions<RangeParts & O>(call, checks, query as RangeParts & O) as KeyRange & O
  // Read page by page, or sent later: the range is the one that was given.
  return { ...given, ...heldParts(given) }
}

function heldParts(given: RangeParts): RangeParts {
  const names = (['key', 'prefix', 'from', 'to'] as const).filter((name) => name in given)
  return Object.fromEntries(names.map((name) => [name, held(given[name])]))
}

function isSort(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { by, order = 'ascend', ...others } = value as Record<string, unknown>
  const isKnown = typeof by === 'string' && Object.hasOwn(SortTarget, by)
  return isKnown && (order === 'ascend' || order === 'descend') && Object.keys(others).length === 0
}

/**
 * The request for a query that was checked.
 *
 * @throws EtcdError `invalid_argument` for its range
 */
export function rangeRequest(query: RangeQuery, namespace: Namespace): Init<RangeRequest> {
  const { key, rangeEnd } = namespace.range(query)
  const { sort } = query
  return {
    key,
    rangeEnd,
    limit: query.limit,
    revision: query.revision,
    sortOrder: sort === undefined ? undefined : SortOrder[sort.order ?? 'ascend'],
    sortTarget: sort === undefined ? undefined : SortTarget[sort.by],
    serializable: query.serializable,
    keysOnly: query.keysOnly,
    countOnly: query.countOnly,
    minModRevision: query.minModRevision,
    maxModRevision: query.maxModRevision,
    minCreateRevision: query.minCreateRevision,
    maxCreateRevision: query.maxCreateRevision,
  }
}

/** The request for one key, the most frequent one. */
export function keyRequest(
  key: string | Uint8Array,
  options: ReadOptions,
  namespace: Namespace,
): Init<RangeRequest> {
  return {
    key: namespace.key(key),
    revision: options.revision,
    serializable: options.serializable,
  }
}

/** The part of a call's options that concerns the call itself. */
export function controlOf({ timeoutMs, signal, onRetry, clusterId }: CallControl): CallControl {
  return {
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(signal === undefined ? {} : { signal }),
    ...(onRetry === undefined ? {} : { onRetry }),
    ...(clusterId === undefined ? {} : { clusterId }),
  }
}

/** The pages of one listing are of one cluster: that of its first page. Servers that name none are taken as they are. */
export function pinned(clusterId: bigint | undefined): { readonly clusterId?: bigint } {
  return clusterId === undefined || clusterId === 0n ? {} : { clusterId }
}
