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
import type { KeyRange } from '../key-range-form.ts'
import { held, type Namespace } from '../key-range.ts'
import { type RangeRequest, SortOrder, SortTarget } from '../wire/kv.ts'
import type { Init } from '../wire/message-type.ts'

/** Options of every call. */
export interface CallControl {
  /**
   * Milliseconds for the whole call, including all its requests and retries. Default: the client's
   * `timeouts.callMs`.
   */
  readonly timeoutMs?: number
  /** Aborts the call, which then fails with code `cancelled`. */
  readonly signal?: AbortSignal
  /** Called after each failed attempt that is retried, to explain a long wait. Must not throw. */
  readonly onRetry?: (error: EtcdError) => void
  /**
   * Fail with `cluster_changed` if another cluster answers. Default: the current cluster when the call
   * starts.
   */
  readonly clusterId?: bigint
}

/** Options of every read. */
export interface ReadOptions {
  /** Read the state at this revision. Default, and 0: the newest. */
  readonly revision?: number
  /**
   * Let the member answer from its own state without asking the others: faster, but possibly outdated. An
   * answer older than what this client has seen is requested again and finally refused with `stale_read`.
   * Default false.
   */
  readonly serializable?: boolean
}

/** Options of `getRange`. */
export interface RangeOptions extends ReadOptions {
  /** Maximum number of entries, at least 1; `hasMore` says whether there are more. Default: no limit. */
  readonly limit?: number
  /** Order of the entries. Default: by key, ascending. */
  readonly sort?: { readonly by: keyof typeof SortTarget; readonly order?: 'ascend' | 'descend' }
  /** Return keys without values. */
  readonly keysOnly?: boolean
  /** Return no entries, only `count`. */
  readonly countOnly?: boolean
  readonly minModRevision?: number
  readonly maxModRevision?: number
  readonly minCreateRevision?: number
  readonly maxCreateRevision?: number
}

/** A range with its options, e.g. `{ prefix: '/config/', limit: 10 }`. */
export type RangeQuery = KeyRange & RangeOptions

/** The checks of `CallControl`. */
export const CONTROL_CHECKS: OptionChecks<CallControl> = {
  timeoutMs: MILLISECONDS,
  signal: SIGNAL,
  onRetry: FUNCTION,
  clusterId: MEMBER_ID,
}

/** The checks of `ReadOptions`. */
export const READ_CHECKS: OptionChecks<ReadOptions> = { revision: whole(0), serializable: FLAG }

/** The checks of `get`. */
export const GET_CHECKS: OptionChecks<ReadOptions & CallControl> = { ...READ_CHECKS, ...CONTROL_CHECKS }

/** The names of a range's parts. Their values are validated when the range is encoded. */
export const RANGE_CHECKS = { key: RANGE_PART, prefix: RANGE_PART, from: RANGE_PART, to: RANGE_PART }

/** The parts of a range, in any of its forms. */
export type RangeParts = { readonly [K in keyof typeof RANGE_CHECKS]?: Bytes }

/** The checks of `count`. */
export const COUNT_CHECKS: OptionChecks<RangeParts & ReadOptions & CallControl> = {
  ...RANGE_CHECKS,
  ...GET_CHECKS,
}

/** The checks of `RangeOptions` with a range. */
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

/** The checks of `getRange`. */
export const QUERY_CHECKS: OptionChecks<RangeParts & RangeOptions & CallControl> = {
  ...RANGE_OPTION_CHECKS,
  ...CONTROL_CHECKS,
}

/** Validates a query: a range and options in one object. The range is validated when it is encoded. */
export function readQuery<O extends object>(
  call: string,
  checks: OptionChecks<RangeParts & O>,
  query: KeyRange & O,
): KeyRange & O {
  if (query === undefined)
    throw refuseArgument('the query is undefined, not { prefix } or another range', call)
  const given = readOptions<RangeParts & O>(call, checks, query as RangeParts & O) as KeyRange & O
  // Copied, because the range may be sent later or several times.
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
 * The request for a validated query.
 *
 * @throws EtcdError `invalid_argument` for an invalid range
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

/** The request for one key, which is the most frequent one. */
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

/** Picks the options that concern the call itself. */
export function controlOf({ timeoutMs, signal, onRetry, clusterId }: CallControl): CallControl {
  return {
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(signal === undefined ? {} : { signal }),
    ...(onRetry === undefined ? {} : { onRetry }),
    ...(clusterId === undefined ? {} : { clusterId }),
  }
}

/**
 * Restricts requests to the cluster of the first page. Servers that report no cluster id are not restricted.
 */
export function pinned(clusterId: bigint | undefined): { readonly clusterId?: bigint } {
  return clusterId === undefined || clusterId === 0n ? {} : { clusterId }
}
