import type {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '@livetree/etcd/wire'
import { etcdError } from '../status.ts'
import { type Key, type KeyRange, keyOf, rangeHas } from './key-range.ts'

/** Operations a transaction may hold: of each of its three lists, nested ones counted in. */
export const maxTxnOperations = 128

/** What is wrong with a request by itself, whatever the store holds. Each throws etcd's own error. */
export const checkRange = (request: RangeRequest): void => {
  if (request.key.length === 0) throw etcdError.emptyKey()
}

export const checkPut = (request: PutRequest): void => {
  if (request.key.length === 0) throw etcdError.emptyKey()
  if (request.ignoreValue && request.value.length > 0) throw etcdError.valueProvided()
  if (request.ignoreLease && request.lease !== 0n) throw etcdError.leaseProvided()
}

export const checkDeleteRange = (request: DeleteRangeRequest): void => {
  if (request.key.length === 0) throw etcdError.emptyKey()
}

export const checkTxn = (request: TxnRequest): void => {
  checkOperations(request, maxTxnOperations)
  touchedBy(request.success)
  touchedBy(request.failure)
}

const checkCompare = (compare: Compare): void => {
  if (compare.key.length === 0) throw etcdError.emptyKey()
}

const checkOperation = ({ request }: RequestOp, allowed: number): void => {
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
      throw etcdError.keyNotFound()
  }
}

const checkOperations = ({ compare, success, failure }: TxnRequest, allowed: number): void => {
  const count = Math.max(compare.length, success.length, failure.length)
  if (count > allowed) throw etcdError.tooManyOperations()
  for (const each of compare) checkCompare(each)
  for (const each of [...success, ...failure]) checkOperation(each, allowed - count)
}

/** What a list of operations writes to. */
interface Touched {
  readonly puts: Set<Key>
  readonly deletes: KeyRange[]
}

const deletedSpan = ({ key, rangeEnd }: DeleteRangeRequest): KeyRange => {
  if (rangeEnd.length === 0) return { type: 'key', start: keyOf(key) }
  // Here etcd takes the end `\0` as it stands, an empty span: a put beside "delete everything" passes.
  return { type: 'span', start: keyOf(key), end: keyOf(rangeEnd) }
}

/**
 * Throws `duplicateKey` when a transaction may put a key twice, or put a key that it may also delete. The two
 * branches of a nested transaction exclude each other and may both put the same key.
 */
const touchedBy = (operations: readonly RequestOp[]): Touched => {
  const puts = new Set<Key>()
  const deletes: KeyRange[] = []
  for (const { request } of operations) {
    if (request?.type === 'deleteRange') deletes.push(deletedSpan(request.value))
  }
  const isDeleted = (key: Key): boolean => deletes.some((range) => rangeHas(range, key))
  for (const { request } of operations) {
    if (request?.type !== 'txn') continue
    const branches = [touchedBy(request.value.success), touchedBy(request.value.failure)]
    const nested = new Set(branches.flatMap((branch) => [...branch.puts]))
    for (const key of nested) {
      if (puts.has(key) || isDeleted(key)) throw etcdError.duplicateKey()
      puts.add(key)
    }
    deletes.push(...branches.flatMap((branch) => branch.deletes))
  }
  for (const { request } of operations) {
    if (request?.type !== 'put') continue
    const key = keyOf(request.value.key)
    if (puts.has(key) || isDeleted(key)) throw etcdError.duplicateKey()
    puts.add(key)
  }
  return { puts, deletes }
}
