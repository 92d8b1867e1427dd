import type {
  Compare,
  DeleteRangeRequest,
  Init,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '@livetree/etcd/wire'
import { CompareResult, CompareTarget } from '@livetree/etcd/wire'

/** Operations of a transaction, as the wire wants them. */
export const op = {
  put: (value: Init<PutRequest>): Init<RequestOp> => ({ request: { type: 'put', value } }),
  range: (value: Init<RangeRequest>): Init<RequestOp> => ({ request: { type: 'range', value } }),
  delete: (value: Init<DeleteRangeRequest>): Init<RequestOp> => ({ request: { type: 'deleteRange', value } }),
  txn: (value: Init<TxnRequest>): Init<RequestOp> => ({ request: { type: 'txn', value } }),
}

const targets = {
  version: CompareTarget.version,
  createRevision: CompareTarget.create,
  modRevision: CompareTarget.mod,
  lease: CompareTarget.lease,
} as const

/** A compare of one of a key's numbers. */
export const compareNumber = (
  key: string,
  type: 'version' | 'createRevision' | 'modRevision',
  result: keyof typeof CompareResult,
  value: number,
  rangeEnd: Buffer | string = '',
): Init<Compare> => ({
  key,
  rangeEnd,
  target: targets[type],
  result: CompareResult[result],
  targetUnion: { type, value },
})

export const compareLease = (
  key: string,
  result: keyof typeof CompareResult,
  value: bigint,
): Init<Compare> => ({
  key,
  target: CompareTarget.lease,
  result: CompareResult[result],
  targetUnion: { type: 'lease', value },
})

export const compareValue = (
  key: string,
  result: keyof typeof CompareResult,
  value: string,
  rangeEnd: Buffer | string = '',
): Init<Compare> => ({
  key,
  rangeEnd,
  target: CompareTarget.value,
  result: CompareResult[result],
  targetUnion: { type: 'value', value },
})
