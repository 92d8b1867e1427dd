import type {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '@livetree/etcd/wire'
import { ETCD_ERROR } from '../status.ts'
import { type Key, keyOf } from './key-range.ts'
import { type KeySpan, KeySpans } from './key-spans.ts'

/** Maximum number of operations in each of a transaction's three lists, nested ones included. */
export const MAX_TXN_OPERATIONS = 128

/**
 * Validates a range request without the state of the store. @throws StatusError with etcd's code and message
 */
export function checkRange(request: RangeRequest): void {
  if (request.key.length === 0) throw ETCD_ERROR.emptyKey()
}

/** Validates a put without the state of the store. @throws StatusError with etcd's code and message */
export function checkPut(request: PutRequest): void {
  if (request.key.length === 0) throw ETCD_ERROR.emptyKey()
  if (request.ignoreValue && request.value.length > 0) throw ETCD_ERROR.valueProvided()
  if (request.ignoreLease && request.lease !== 0n) throw ETCD_ERROR.leaseProvided()
}

/** Validates a deletion without the state of the store. @throws StatusError with etcd's code and message */
export function checkDeleteRange(request: DeleteRangeRequest): void {
  if (request.key.length === 0) throw ETCD_ERROR.emptyKey()
}

/**
 * Validates a transaction without the state of the store. @throws StatusError with etcd's code and message
 */
export function checkTxn(request: TxnRequest): void {
  checkOperations(request, MAX_TXN_OPERATIONS)
  touchedBy(request.success)
  touchedBy(request.failure)
}

function checkCompare(compare: Compare): void {
  if (compare.key.length === 0) throw ETCD_ERROR.emptyKey()
}

function checkOperation({ request }: RequestOp, allowed: number): void {
  switch (request?.type) {
    case 'range':
      checkRange(request.value)
      return
    case 'put':
      checkPut(request.value)
      return
    case 'deleteRange':
      checkDeleteRange(request.value)
      return
    case 'txn':
      checkOperations(request.value, allowed)
      return
    case undefined:
      throw ETCD_ERROR.keyNotFound()
  }
}

function checkOperations({ compare, success, failure }: TxnRequest, allowed: number): void {
  const count = Math.max(compare.length, success.length, failure.length)
  if (count > allowed) throw ETCD_ERROR.tooManyOperations()
  for (const each of compare) checkCompare(each)
  for (const each of [...success, ...failure]) checkOperation(each, allowed - count)
}

/** The keys a list of operations writes to. */
interface Touched {
  readonly puts: ReadonlySet<Key>
  readonly deletes: KeySpans
}

/**
 * Here etcd takes the end `\0` literally, as an empty range: a put next to "delete everything" is accepted.
 */
function deletedSpan({ key, rangeEnd }: DeleteRangeRequest): KeySpan {
  const start = keyOf(key)
  return { start, end: rangeEnd.length === 0 ? `${start}\0` : keyOf(rangeEnd) }
}

/**
 * Collects the keys that the operations of a branch may put and delete. The two branches of a nested transaction exclude each
 * other, so both may put the same key. As in etcd, the deletions of a nested transaction are compared with the nested
 * transactions after it, not with those before.
 *
 * @throws StatusError `duplicateKey` if a key may be put twice, or put and deleted
 */
function touchedBy(operations: readonly RequestOp[]): Touched {
  const requests = operations.map(({ request }) => request)
  const puts = new Set<Key>()
  let deletes = KeySpans.of(
    requests.flatMap((request) => (request?.type === 'deleteRange' ? [deletedSpan(request.value)] : [])),
  )
  const add = (key: Key): void => {
    if (puts.has(key) || deletes.has(key)) throw ETCD_ERROR.duplicateKey()
    puts.add(key)
  }
  for (const request of requests) {
    if (request?.type !== 'txn') continue
    const [success, failure] = [touchedBy(request.value.success), touchedBy(request.value.failure)]
    for (const key of new Set([...success.puts, ...failure.puts])) add(key)
    deletes = deletes.with(success.deletes).with(failure.deletes)
  }
  for (const request of requests) if (request?.type === 'put') add(keyOf(request.value.key))
  return { puts, deletes }
}
