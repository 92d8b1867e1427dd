import {
  bool,
  bytes,
  enumeration,
  id64,
  int64,
  leaseId,
  named,
  nested,
  oneof,
  repeated,
  uint64,
} from './field.ts'
import type { MessageType, Decoded } from './message-type.ts'
import { message } from './message.ts'

/** Part of every response: which cluster and member answered, and the store's revision. */
export const ResponseHeader = message('ResponseHeader', {
  clusterId: id64(1),
  memberId: id64(2),
  revision: int64(3),
  raftTerm: uint64(4),
})
export type ResponseHeader = Decoded<typeof ResponseHeader>

/**
 * A key with its value, lease (0n: none), revisions of creation and last change, and number of changes
 * (`version`).
 */
export const KeyValue = message('KeyValue', {
  key: bytes(1),
  createRevision: int64(2),
  modRevision: int64(3),
  version: int64(4),
  value: bytes(5),
  lease: leaseId(6),
})
export type KeyValue = Decoded<typeof KeyValue>

/** Values of `RangeRequest.sortOrder`. */
export const SortOrder = { none: 0, ascend: 1, descend: 2 } as const

/** Values of `RangeRequest.sortTarget`. */
export const SortTarget = { key: 0, version: 1, create: 2, mod: 3, value: 4 } as const

/** Reads the keys in `[key, rangeEnd)`. A `limit` of 0 means no limit, a `revision` of 0 the newest. */
export const RangeRequest = message('RangeRequest', {
  key: bytes(1),
  rangeEnd: bytes(2),
  limit: int64(3),
  revision: int64(4),
  sortOrder: enumeration(5, ['NONE', 'ASCEND', 'DESCEND']),
  sortTarget: enumeration(6, ['KEY', 'VERSION', 'CREATE', 'MOD', 'VALUE']),
  serializable: bool(7),
  keysOnly: bool(8),
  countOnly: bool(9),
  minModRevision: int64(10),
  maxModRevision: int64(11),
  minCreateRevision: int64(12),
  maxCreateRevision: int64(13),
})
export type RangeRequest = Decoded<typeof RangeRequest>

/** The keys read. `count` counts all keys in the range; `more` says that `limit` cut the list. */
export const RangeResponse = message('RangeResponse', {
  header: nested(1, () => ResponseHeader),
  kvs: repeated(nested(2, () => KeyValue)),
  more: bool(3),
  count: int64(4),
})
export type RangeResponse = Decoded<typeof RangeResponse>

/**
 * Writes one key. `ignoreValue` and `ignoreLease` keep the stored value or lease; a `lease` of 0n means
 * none.
 */
export const PutRequest = message('PutRequest', {
  key: bytes(1),
  value: bytes(2),
  lease: leaseId(3),
  prevKv: bool(4),
  ignoreValue: bool(5),
  ignoreLease: bool(6),
})
export type PutRequest = Decoded<typeof PutRequest>

/** Answers `PutRequest`; has the previous entry if it was requested and existed. */
export const PutResponse = message('PutResponse', {
  header: nested(1, () => ResponseHeader),
  prevKv: nested(2, () => KeyValue),
})
export type PutResponse = Decoded<typeof PutResponse>

/** Deletes the keys in `[key, rangeEnd)`, or one key when `rangeEnd` is empty. */
export const DeleteRangeRequest = message('DeleteRangeRequest', {
  key: bytes(1),
  rangeEnd: bytes(2),
  prevKv: bool(3),
})
export type DeleteRangeRequest = Decoded<typeof DeleteRangeRequest>

/** How many keys were deleted, and their entries if requested. */
export const DeleteRangeResponse = message('DeleteRangeResponse', {
  header: nested(1, () => ResponseHeader),
  deleted: int64(2),
  prevKvs: repeated(nested(3, () => KeyValue)),
})
export type DeleteRangeResponse = Decoded<typeof DeleteRangeResponse>

/** Values of `Compare.result`. */
export const CompareResult = { equal: 0, greater: 1, less: 2, notEqual: 3 } as const

/** Values of `Compare.target`. */
export const CompareTarget = { version: 0, create: 1, mod: 2, value: 3, lease: 4 } as const

/**
 * One condition of a transaction: the target of each key in `[key, rangeEnd)` compared with the value given.
 */
export const Compare = message('Compare', {
  result: enumeration(1, ['EQUAL', 'GREATER', 'LESS', 'NOT_EQUAL']),
  target: enumeration(2, ['VERSION', 'CREATE', 'MOD', 'VALUE', 'LEASE']),
  key: bytes(3),
  targetUnion: oneof({
    version: int64(4),
    createRevision: int64(5),
    modRevision: int64(6),
    value: bytes(7),
    lease: leaseId(8),
  }),
  rangeEnd: bytes(64),
})
export type Compare = Decoded<typeof Compare>

/**
 * A transaction: if all of `compare` hold, `success` is executed, otherwise `failure`. Typed by hand because
 * transactions nest.
 */
export interface TxnRequest {
  readonly compare: readonly Compare[]
  readonly success: readonly RequestOp[]
  readonly failure: readonly RequestOp[]
}

/** One operation of a transaction. */
export interface RequestOp {
  readonly request:
    | { readonly type: 'range'; readonly value: RangeRequest }
    | { readonly type: 'put'; readonly value: PutRequest }
    | { readonly type: 'deleteRange'; readonly value: DeleteRangeRequest }
    | { readonly type: 'txn'; readonly value: TxnRequest }
    | undefined
}

/**
 * The result of a transaction. Only the outer `header` is meaningful. Typed by hand because transactions
 * nest.
 */
export interface TxnResponse {
  readonly header: ResponseHeader | undefined
  readonly succeeded: boolean
  readonly responses: readonly ResponseOp[]
}

/** The response to one operation of a transaction, in the order of the operations. */
export interface ResponseOp {
  readonly response:
    | { readonly type: 'range'; readonly value: RangeResponse }
    | { readonly type: 'put'; readonly value: PutResponse }
    | { readonly type: 'deleteRange'; readonly value: DeleteRangeResponse }
    | { readonly type: 'txn'; readonly value: TxnResponse }
    | undefined
}

export const RequestOp: MessageType<RequestOp> = message('RequestOp', {
  request: oneof({
    range: named(
      'request_range',
      nested(1, () => RangeRequest),
    ),
    put: named(
      'request_put',
      nested(2, () => PutRequest),
    ),
    deleteRange: named(
      'request_delete_range',
      nested(3, () => DeleteRangeRequest),
    ),
    txn: named(
      'request_txn',
      nested(4, (): MessageType<TxnRequest> => TxnRequest),
    ),
  }),
})

export const TxnRequest: MessageType<TxnRequest> = message('TxnRequest', {
  compare: repeated(nested(1, () => Compare)),
  success: repeated(nested(2, () => RequestOp)),
  failure: repeated(nested(3, () => RequestOp)),
})

export const ResponseOp: MessageType<ResponseOp> = message('ResponseOp', {
  response: oneof({
    range: named(
      'response_range',
      nested(1, () => RangeResponse),
    ),
    put: named(
      'response_put',
      nested(2, () => PutResponse),
    ),
    deleteRange: named(
      'response_delete_range',
      nested(3, () => DeleteRangeResponse),
    ),
    txn: named(
      'response_txn',
      nested(4, (): MessageType<TxnResponse> => TxnResponse),
    ),
  }),
})

export const TxnResponse: MessageType<TxnResponse> = message('TxnResponse', {
  header: nested(1, () => ResponseHeader),
  succeeded: bool(2),
  responses: repeated(nested(3, () => ResponseOp)),
})

/**
 * Discards revisions older than `revision`. With `physical` the response waits until they are removed from
 * disk.
 */
export const CompactionRequest = message('CompactionRequest', { revision: int64(1), physical: bool(2) })
export type CompactionRequest = Decoded<typeof CompactionRequest>

/** Answers `CompactionRequest`. */
export const CompactionResponse = message('CompactionResponse', { header: nested(1, () => ResponseHeader) })
export type CompactionResponse = Decoded<typeof CompactionResponse>
