import { checkBytes, FLAG, LEASE_OR_NONE, type OptionChecks, refuseArgument } from '../check-argument.ts'
import type { Bytes } from '../bytes.ts'
import type { KeyRange, Namespace } from '../key-range.ts'
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

/** What came of a read. */
export interface RangeResult {
  readonly entries: readonly Entry[]
  /** Entries in the range, whatever the limit. */
  readonly count: number
  /** There are more than the limit let through. */
  readonly hasMore: boolean
  /** `header.revision` is the store's revision when it answered. */
  readonly header: ResponseHeader
}

/** How to write. */
export interface PutOptions {
  /** Hang the key on this lease; 0n is none. Without it, and without `ignoreLease`, the key is taken off the lease it hung on. */
  readonly lease?: bigint
  /** Give back what the key held before. */
  readonly prevKv?: boolean
  /** Keep the value, change the lease. The value given must be empty; the key must be there (`key_not_found`). */
  readonly ignoreValue?: boolean
  /** Keep the lease. Not together with `lease`; the key must be there (`key_not_found`). */
  readonly ignoreLease?: boolean
}

/** What came of a write. */
export interface PutResult {
  readonly header: ResponseHeader
  /** With `prevKv`: what the key held before, if it was there. */
  readonly previous: Entry | undefined
}

/** How to delete. */
export interface DeleteOptions {
  /** Give back what was deleted. */
  readonly prevKv?: boolean
}

/** What came of a delete. */
export interface DeleteResult {
  readonly header: ResponseHeader
  readonly deleted: number
  /** With `prevKv`: what was deleted. */
  readonly previous: readonly Entry[]
}

const NO_HEADER = Header.decode(Buffer.alloc(0))

/** `header` of the transaction around it: inner headers mean nothing. */
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

/** @throws EtcdError `invalid_argument` for a value that is none, and for options that contradict each other */
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

export function deleteRequest(
  range: KeyRange,
  options: DeleteOptions,
  namespace: Namespace,
): Init<DeleteRangeRequest> {
  return { ...namespace.range(range), prevKv: options.prevKv }
}

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

/** The checks of a call with them. */
export const PUT_CALL_CHECKS: OptionChecks<PutOptions & CallControl> = { ...PUT_CHECKS, ...CONTROL_CHECKS }
/** The checks of a call with them. */
export const DELETE_CALL_CHECKS: OptionChecks<DeleteOptions & CallControl> = {
  ...DELETE_CHECKS,
  ...CONTROL_CHECKS,
}
/** The checks of a call with them. */
export const DELETE_RANGE_CHECKS: OptionChecks<RangeParts & DeleteOptions & CallControl> = {
  ...RANGE_CHECKS,
  ...DELETE_CALL_CHECKS,
}
