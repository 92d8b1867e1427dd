import { EtcdError } from '../errors.ts'
import { bytesOf } from '../key-range.ts'
import type { RequestOp, TxnRequest } from '../wire/kv.ts'
import type { Init } from '../wire/message-type.ts'
import { DeletedKeys } from './deleted-keys.ts'

type Op = Init<RequestOp>
type Txn = Init<TxnRequest>

/** What one branch writes, by etcd's rules. */
interface Writes {
  /** Keys as latin1 text, so that bytes can be compared in a set. */
  readonly puts: Set<string>
  readonly deletes: DeletedKeys
}

function duplicate(): EtcdError {
  return new EtcdError('duplicate_key', {
    call: 'KV/Txn',
    what: 'two operations of one branch write the same key',
    fate: 'not_sent',
  })
}

function keyOf(key: string | Uint8Array | undefined): string {
  return bytesOf(key ?? '').toString('latin1')
}

function assertNotDeleted(key: string, deletes: DeletedKeys): void {
  if (deletes.has(key)) throw duplicate()
}

function deletesOf(ops: readonly Op[]): DeletedKeys {
  const deletes = new DeletedKeys()
  for (const { request } of ops) {
    if (request?.type !== 'deleteRange') continue
    const [start, end] = [keyOf(request.value.key), keyOf(request.value.rangeEnd)]
    if (end === '') deletes.addKey(start)
    else deletes.addRange(start, end)
  }
  return deletes
}

/**
 * Adds the writes of a nested transaction. Only one of its branches is executed, so both may write the same
 * key.
 */
function addNested(txn: Txn, writes: Writes): void {
  const success = writesOf(txn.success ?? [])
  const failure = writesOf(txn.failure ?? [])
  for (const key of success.puts) {
    if (writes.puts.has(key)) throw duplicate()
  }
  for (const key of failure.puts) {
    if (writes.puts.has(key)) throw duplicate()
  }
  for (const key of [...success.puts, ...failure.puts]) {
    assertNotDeleted(key, writes.deletes)
    writes.puts.add(key)
  }
  writes.deletes.addAll(success.deletes)
  writes.deletes.addAll(failure.deletes)
}

function writesOf(ops: readonly Op[]): Writes {
  const writes: Writes = { puts: new Set(), deletes: deletesOf(ops) }
  for (const { request } of ops) if (request?.type === 'txn') addNested(request.value, writes)
  for (const { request } of ops) {
    if (request?.type !== 'put') continue
    const key = keyOf(request.value.key)
    if (writes.puts.has(key)) throw duplicate()
    assertNotDeleted(key, writes.deletes)
    writes.puts.add(key)
  }
  return writes
}

function assertCount(txn: Txn, maxOps: number): void {
  const { compare = [], success = [], failure = [] } = txn
  const count = Math.max(compare.length, success.length, failure.length)
  if (count > maxOps) {
    const what = `the transaction has ${count} conditions or operations in one list, the limit here is ${maxOps}`
    throw new EtcdError('request_too_large', { call: 'KV/Txn', what, fate: 'not_sent' })
  }
  for (const { request } of [...success, ...failure]) {
    if (request?.type === 'txn') assertCount(request.value, maxOps - count)
  }
}

/**
 * Refuses what etcd would refuse: too many operations, a key written twice in one branch, a put into a range
 * that the same branch deletes. Source of the rules: etcd server/etcdserver/api/v3rpc/key.go.
 *
 * @throws EtcdError `request_too_large`, `duplicate_key`
 */
export function assertTxn(txn: Txn, maxOps: number): void {
  assertCount(txn, maxOps)
  writesOf(txn.success ?? [])
  writesOf(txn.failure ?? [])
}

/** True if neither branch writes, so that the transaction can be sent any number of times. */
export function isReadOnly(txn: Txn): boolean {
  return [...(txn.success ?? []), ...(txn.failure ?? [])].every(
    ({ request }) => request?.type === 'range' || (request?.type === 'txn' && isReadOnly(request.value)),
  )
}
