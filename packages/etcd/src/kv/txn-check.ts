import { EtcdError } from '../errors.ts'
import { bytesOf } from '../key-range.ts'
import type { RequestOp, TxnRequest } from '../wire/kv.ts'
import type { Init } from '../wire/message.ts'

type Op = Init<RequestOp>
type Txn = Init<TxnRequest>

interface Interval {
  readonly start: Buffer
  /** Undefined: one key. */
  readonly end: Buffer | undefined
}

const duplicate = (): EtcdError =>
  new EtcdError('duplicate_key', {
    call: 'KV/Txn',
    what: 'two operations of one branch write the same key',
    fate: 'not_sent',
  })

/** Where the server is sure to see the key in the range: what ends before it begins, or "at the end", it judges by itself. */
const contains = ({ start, end }: Interval, key: Buffer): boolean => {
  if (end === undefined) return key.equals(start)
  return Buffer.compare(start, key) <= 0 && Buffer.compare(key, end) < 0
}

const deletesOf = (ops: readonly Op[]): Interval[] =>
  ops.flatMap(({ request }) => {
    if (request?.type !== 'deleteRange') return []
    const end = bytesOf(request.value.rangeEnd ?? '')
    return [{ start: bytesOf(request.value.key ?? ''), end: end.length === 0 ? undefined : end }]
  })

/** One branch of one level. What transactions inside it write is for the server to judge. */
const assertBranch = (ops: readonly Op[]): void => {
  const deletes = deletesOf(ops)
  /** Keys as latin1 text, so that bytes can be compared. */
  const puts = new Set<string>()
  for (const { request } of ops) {
    if (request?.type === 'txn') assertBranches(request.value)
    if (request?.type !== 'put') continue
    const key = bytesOf(request.value.key ?? '')
    const name = key.toString('latin1')
    if (puts.has(name) || deletes.some((each) => contains(each, key))) throw duplicate()
    puts.add(name)
  }
}

const assertBranches = (txn: Txn): void => {
  assertBranch(txn.success ?? [])
  assertBranch(txn.failure ?? [])
}

const assertCount = (txn: Txn, maxOps: number): void => {
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
 * Refuses what etcd is sure to refuse: too many operations, a key put twice in one branch, a put into a range that the
 * same branch deletes. All else, such as what transactions inside write, the server judges, by the same code. Throws
 * `request_too_large` or `duplicate_key`. Source of the rules: etcd server/etcdserver/api/v3rpc/key.go.
 */
export const assertTxn = (txn: Txn, maxOps: number): void => {
  assertCount(txn, maxOps)
  assertBranches(txn)
}

/** True when neither branch writes, so that the transaction may be sent any number of times. */
export const isReadOnly = (txn: Txn): boolean =>
  [...(txn.success ?? []), ...(txn.failure ?? [])].every(
    ({ request }) => request?.type === 'range' || (request?.type === 'txn' && isReadOnly(request.value)),
  )
