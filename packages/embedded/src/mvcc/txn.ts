import type {
  DeleteRangeRequest,
  DeleteRangeResponse,
  PutRequest,
  PutResponse,
  RequestOp,
  ResponseHeader,
  ResponseOp,
  TxnRequest,
  TxnResponse,
} from '@livetree/etcd/wire'
import { ETCD_ERROR } from '../status.ts'
import { holds } from './compare.ts'
import { keyOf, keyRange } from './key-range.ts'
import { ownCopy } from './own-copy.ts'
import { type Readable, readRange } from './range.ts'
import type { MvccStore, WriteTxn } from './store.ts'

/** Returns true if a lease is granted. */
export type HasLease = (lease: bigint) => boolean

/** The header inside a transaction's response, which as in etcd has only a revision. */
function innerHeader(revision: number): ResponseHeader {
  return {
    clusterId: 0n,
    memberId: 0n,
    revision,
    raftTerm: 0,
  }
}

/** @throws StatusError `leaseNotFound` if a put names a lease that is not granted */
export function assertLease({ lease }: PutRequest, hasLease: HasLease): void {
  if (lease !== 0n && !hasLease(lease)) throw ETCD_ERROR.leaseNotFound()
}

/** @throws StatusError `keyNotFound` if a put keeps a previous value or lease and the key does not exist */
export function assertBefore({ key, ignoreValue, ignoreLease }: PutRequest, from: Readable): void {
  if (!ignoreValue && !ignoreLease) return
  const [before] = from.range({ type: 'key', start: keyOf(key) }, from.revision)
  if (before === undefined) throw ETCD_ERROR.keyNotFound()
}

/** Applies a put that passed `assertLease` and `assertBefore`. */
export function applyPut(txn: WriteTxn, request: PutRequest): PutResponse {
  const key = keyOf(request.key)
  const [before] = txn.range({ type: 'key', start: key }, txn.revision)
  const value = request.ignoreValue ? before?.value : ownCopy(request.value)
  const lease = request.ignoreLease ? before?.lease : request.lease
  // The checked key may be gone because the same transaction deleted an open-ended range. etcd crashes in
  // this case.
  txn.put(key, value ?? Buffer.alloc(0), lease ?? 0n)
  return { header: innerHeader(txn.revision), prevKv: request.prevKv ? before : undefined }
}

/** Deletes a range of keys; the response has previous values if the request asks for them. */
export function applyDeleteRange(txn: WriteTxn, request: DeleteRangeRequest): DeleteRangeResponse {
  const range = keyRange(request.key, request.rangeEnd)
  const prevKvs = request.prevKv ? txn.range(range, txn.revision) : []
  const deleted = txn.delete(range)
  return { header: innerHeader(txn.revision), deleted, prevKvs }
}

/**
 * A transaction whose compares are evaluated: the operations of the chosen branches, nested ones included.
 */
export interface DecidedTxn {
  readonly succeeded: boolean
  readonly operations: readonly (
    | Exclude<RequestOp['request'], { type: 'txn' } | undefined>
    | { readonly type: 'txn'; readonly value: DecidedTxn }
  )[]
}

/** Evaluates all compares, nested ones too, against the state before the transaction. */
function decide(request: TxnRequest, store: MvccStore): DecidedTxn {
  const succeeded = request.compare.every((compare) => holds(compare, store))
  const chosen = succeeded ? request.success : request.failure
  const operations = chosen.flatMap(({ request }): DecidedTxn['operations'] => {
    if (request === undefined) return []
    return [request.type === 'txn' ? { type: 'txn', value: decide(request.value, store) } : request]
  })
  return { succeeded, operations }
}

/** The operations to execute, in order, with those of nested transactions in place. */
function flat({ operations }: DecidedTxn): DecidedTxn['operations'] {
  return operations.flatMap((operation) => (operation.type === 'txn' ? flat(operation.value) : [operation]))
}

/**
 * Evaluates a transaction and validates what will be executed: as in etcd first all puts, then all ranges.
 * Execution cannot fail afterwards.
 *
 * @throws StatusError with etcd's code and message if an operation is invalid
 */
export function decideTxn(request: TxnRequest, store: MvccStore, hasLease: HasLease): DecidedTxn {
  const decided = decide(request, store)
  const operations = flat(decided)
  for (const { type, value } of operations) {
    if (type !== 'put') continue
    assertBefore(value, store)
    assertLease(value, hasLease)
  }
  for (const { type, value } of operations) {
    if (type === 'range' && value.revision !== 0) store.assertReadable(value.revision)
  }
  return decided
}

function isReadOnlyOperation({ request }: RequestOp): boolean {
  return request?.type === 'range' || (request?.type === 'txn' && isReadOnly(request.value))
}

/** True if neither branch writes. */
export function isReadOnly({ success, failure }: TxnRequest): boolean {
  return success.every(isReadOnlyOperation) && failure.every(isReadOnlyOperation)
}

function applyOperation(txn: WriteTxn, operation: DecidedTxn['operations'][number]): ResponseOp {
  switch (operation.type) {
    case 'range': {
      const header = innerHeader(txn.revision)
      return { response: { type: 'range', value: { header, ...readRange(txn, operation.value) } } }
    }
    case 'put':
      return { response: { type: 'put', value: applyPut(txn, operation.value) } }
    case 'deleteRange':
      return { response: { type: 'deleteRange', value: applyDeleteRange(txn, operation.value) } }
    case 'txn': {
      const header = innerHeader(0)
      return { response: { type: 'txn', value: { ...applyTxn(txn, operation.value), header } } }
    }
  }
}

/** Executes a decided transaction; the response has no header. */
export function applyTxn(txn: WriteTxn, { succeeded, operations }: DecidedTxn): TxnResponse {
  return {
    header: undefined,
    succeeded,
    responses: operations.map((operation) => applyOperation(txn, operation)),
  }
}
