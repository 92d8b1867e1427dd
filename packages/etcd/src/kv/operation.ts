import { checkBytes, FLAG, LEASE_OR_NONE, type OptionChecks, refuseArgument } from '../check-argument.ts'
import type { Bytes } from '../bytes.ts'
import type { KeyRange } from '../key-range-form.ts'
import type { Namespace } from '../key-range.ts'
import {
  type DeleteRangeRequest,
  type DeleteRangeResponse,
  type PutRequest,
  type PutResponse,
  type RangeResponse,
  type ResponseHeader,
  ResponseHeader as Header,
} from '../wire/kv.ts'
import type { Init } from '../wire/message-type.ts'
import { Entry, entryOf } from './entry.ts'
import { type CallControl, CONTROL_CHECKS, RANGE_CHECKS, type RangeParts } from './range-query.ts'

/** The result of a read. */
export interface RangeResult {
  readonly entries: readonly Entry[]
  /** Number of entries in the range, regardless of the limit. */
  readonly count: number
  /** True if the limit left entries out. */
  readonly hasMore: boolean
  /** `header.revision` is the store's revision at the time of the answer. */
  readonly header: ResponseHeader
}

/** Options of `put`. */
export interface PutOptions {
  /**
   * Lease to attach the key to; 0n means none. Without it, and without `ignoreLease`, the key is detached
   * from its lease.
   */
  readonly lease?: bigint
  /** Return the previous entry. */
  readonly prevKv?: boolean
  /**
   * Keep the value and change only the lease. Requires an empty value and an existing key (`key_not_found`).
   */
  readonly ignoreValue?: boolean
  /** Keep the lease. Cannot be combined with `lease`; requires an existing key (`key_not_found`). */
  readonly ignoreLease?: boolean
}

/** The result of a write. */
export interface PutResult {
  readonly header: ResponseHeader
  /** With `prevKv`: the previous entry, if the key existed. */
  readonly previous: Entry | undefined
}

/** Options of `delete` and `deleteRange`. */
export interface DeleteOptions {
  /** Return the deleted entries. */
  readonly prevKv?: boolean
}

/** The result of a deletion. */
export interface DeleteResult {
  readonly header: ResponseHeader
  readonly deleted: number
  /** With `prevKv`: the deleted entries. */
  readonly previous: readonly Entry[]
}

const NO_HEADER = Header.decode(Buffer.alloc(0))

/**
 * Decodes a read. Within a transaction, pass the transaction's header, because inner headers are not
 * meaningful.
 */
export function rangeResult(
  response: RangeResponse,
  namespace: Namespace,
  header: ResponseHeader | undefined = response.header,
): RangeResult {
  return {
    entries: response.kvs.map((kv) => new Entry(kv, namespace)),
    count: response.count,
    hasMore: response.more,
    header: header ?? NO_HEADER,
  }
}

/** The checks of `PutOptions`. */
export const PUT_CHECKS: OptionChecks<PutOptions> = {
  lease: LEASE_OR_NONE,
  prevKv: FLAG,
  ignoreValue: FLAG,
  ignoreLease: FLAG,
}

/** The checks of `DeleteOptions`. */
export const DELETE_CHECKS: OptionChecks<DeleteOptions> = { prevKv: FLAG }

/** @throws EtcdError `invalid_argument` for an invalid value and for contradicting options */
export function putRequest(
  key: Bytes,
  value: Bytes,
  options: PutOptions,
  namespace: Namespace,
): Init<PutRequest> {
  checkBytes('the value', value)
  if (options.ignoreLease && options.lease !== undefined) {
    throw refuseArgument('put was given both a lease and ignoreLease')
  }
  if (options.ignoreValue && value.length > 0) {
    throw refuseArgument('put was given both a value and ignoreValue')
  }
  const { lease, prevKv, ignoreValue, ignoreLease } = options
  return { key: namespace.key(key), value, lease, prevKv, ignoreValue, ignoreLease }
}

/** Decodes a write. Within a transaction, pass the transaction's header. */
export function putResult(
  response: PutResponse,
  namespace: Namespace,
  header: ResponseHeader | undefined = response.header,
): PutResult {
  return {
    header: header ?? NO_HEADER,
    previous: entryOf(response.prevKv, namespace),
  }
}

/** The request for a deletion. */
export function deleteRequest(
  range: KeyRange,
  options: DeleteOptions,
  namespace: Namespace,
): Init<DeleteRangeRequest> {
  return { ...namespace.range(range), prevKv: options.prevKv }
}

/** Decodes a deletion. Within a transaction, pass the transaction's header. */
export function deleteResult(
  response: DeleteRangeResponse,
  namespace: Namespace,
  header: ResponseHeader | undefined = response.header,
): DeleteResult {
  return {
    header: header ?? NO_HEADER,
    deleted: response.deleted,
    previous: response.prevKvs.map((kv) => new Entry(kv, namespace)),
  }
}

/** The checks of a `put` call. */
export const PUT_CALL_CHECKS: OptionChecks<PutOptions & CallControl> = { ...PUT_CHECKS, ...CONTROL_CHECKS }
/** The checks of a `delete` call. */
export const DELETE_CALL_CHECKS: OptionChecks<DeleteOptions & CallControl> = {
  ...DELETE_CHECKS,
  ...CONTROL_CHECKS,
}
/** The checks of a `deleteRange` call. */
export const DELETE_RANGE_CHECKS: OptionChecks<RangeParts & DeleteOptions & CallControl> = {
  ...RANGE_CHECKS,
  ...DELETE_CALL_CHECKS,
}
