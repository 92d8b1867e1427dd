import { bool, bytes, int64, leaseId, nested, id64, oneof, repeated, uint32, uint64 } from './field.ts'
import type { MessageType, Decoded } from './message-type.ts'
import { message } from './message.ts'

/** On every answer: which store spoke, and how far it is. */
export const ResponseHeader = message('ResponseHeader', {
  clusterId: id64(1),
  memberId: id64(2),
  revision: int64(3),
  raftTerm: uint64(4),
})
export type ResponseHeader = Decoded<typeof ResponseHeader>

/** A key with its value and its history in numbers. */
export const KeyValue = message('KeyValue', {
  key: bytes(1),
  createRevision: int64(2),
  modRevision: int64(3),
  version: int64(4),
  value: bytes(5),
  lease: leaseId(6),
})
export type KeyValue = Decoded<typeof KeyValue>

/** `RangeRequest.sortOrder` */
export const SortOrder = { none: 0, ascend: 1, descend: 2 } as const
/** `RangeRequest.sortTarget` */
export const SortTarget = { key: 0, version: 1, create: 2, mod: 3, value: 4 } as const

export const RangeRequest = message('RangeRequest', {
  key: bytes(1),
  rangeEnd: bytes(2),
  limit: int64(3),
  revision: int64(4),
  sortOrder: uint32(5),
  sortTarget: uint32(6),
  serializable: bool(7),
  keysOnly: bool(8),
  countOnly: bool(9),
  minModRevision: int64(10),
  maxModRevision: int64(11),
  minCreateRevision: int64(12),
  maxCreateRevision: int64(13),
})
export type RangeRequest = Decoded<typeof RangeRequest>

export const RangeResponse = message('RangeResponse', {
  header: nested(1, () => ResponseHeader),
  kvs: repeated(nested(2, () => KeyValue)),
  more: bool(3),
  count: int64(4),
})
export type RangeResponse = Decoded<typeof RangeResponse>

export const PutRequest = message('PutRequest', {
  key: bytes(1),
  value: bytes(2),
  lease: leaseId(3),
  prevKv: bool(4),
  ignoreValue: bool(5),
  ignoreLease: bool(6),
})
export type PutRequest = Decoded<typeof PutRequest>

export const PutResponse = message('PutResponse', {
  header: nested(1, () => ResponseHeader),
  prevKv: nested(2, () => KeyValue),
})
export type PutResponse = Decoded<typeof PutResponse>

export const DeleteRangeRequest = message('DeleteRangeRequest', {
  key: bytes(1),
  rangeEnd: bytes(2),
  prevKv: bool(3),
})
export type DeleteRangeRequest = Decoded<typeof DeleteRangeRequest>

export const DeleteRangeResponse = message('DeleteRangeResponse', {
  header: nested(1, () => ResponseHeader),
  deleted: int64(2),
  prevKvs: repeated(nested(3, () => KeyValue)),
})
export type DeleteRangeResponse = Decoded<typeof DeleteRangeResponse>

/** `Compare.result` */
export const CompareResult = { equal: 0, greater: 1, less: 2, notEqual: 3 } as const
/** `Compare.target` */
export const CompareTarget = { version: 0, create: 1, mod: 2, value: 3, lease: 4 } as const

export const Compare = message('Compare', {
  result: uint32(1),
  target: uint32(2),
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

/** Written out because transactions nest. */
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

/** Written out because transactions nest. Inner headers mean nothing: use the outer one. */
export interface TxnResponse {
  readonly header: ResponseHeader | undefined
  readonly succeeded: boolean
  readonly responses: readonly ResponseOp[]
}

/** The answer to one operation of a transaction, in the order of the operations. */
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
    range: nested(1, () => RangeRequest),
    put: nested(2, () => PutRequest),
    deleteRange: nested(3, () => DeleteRangeRequest),
    txn: nested(4, (): MessageType<TxnRequest> => TxnRequest),
  }),
})

export const TxnRequest: MessageType<TxnRequest> = message('TxnRequest', {
  compare: repeated(nested(1, () => Compare)),
  success: repeated(nested(2, () => RequestOp)),
  failure: repeated(nested(3, () => RequestOp)),
})

export const ResponseOp: MessageType<ResponseOp> = message('ResponseOp', {
  response: oneof({
    range: nested(1, () => RangeResponse),
    put: nested(2, () => PutResponse),
    deleteRange: nested(3, () => DeleteRangeResponse),
    txn: nested(4, (): MessageType<TxnResponse> => TxnResponse),
  }),
})

export const TxnResponse: MessageType<TxnResponse> = message('TxnResponse', {
  header: nested(1, () => ResponseHeader),
  succeeded: bool(2),
  responses: repeated(nested(3, () => ResponseOp)),
})

export const CompactionRequest = message('CompactionRequest', { revision: int64(1), physical: bool(2) })
export type CompactionRequest = Decoded<typeof CompactionRequest>

export const CompactionResponse = message('CompactionResponse', { header: nested(1, () => ResponseHeader) })
export type CompactionResponse = Decoded<typeof CompactionResponse>
