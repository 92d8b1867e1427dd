import {
  type Compare,
  type DeleteRangeRequest,
  type Init,
  KV,
  Lease,
  type Method,
  type PutRequest,
  type RangeRequest,
  type RequestOp,
  type TxnRequest,
} from '@livetree/etcd/wire'
import type { Random } from './random.ts'

/** One call to make on every server. */
export interface Operation {
  readonly method: Method<unknown, unknown>
  readonly request: object
}

/** What choices depend on: how far the servers are. */
export interface Position {
  readonly revision: number
  readonly compactRevision: number
}

// Twelve keys at most: so many, Go's sort leaves in order where they tie, and so does ours.
const keys = ['a', 'a/1', 'a/2', 'a/2/x', 'b', 'b/1', 'b/2', 'c', 'c\xff', 'd', 'd/1', 'e']
const values = ['', '1', '2', '3', 'long'.repeat(20)]
const leases = [1n, 2n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 7_587_000_000_000_000_001n]
const ends = ['a0', 'b', 'c', 'd', 'f', 'a/2', '\0']
/** Ends that hold one key, none, or all but a few. */
const edges = ['\0\0', 'a', 'a\0', 'a/1\0', 'c\xff', 'c\xff\0', '\xff', '\xff\xff']

const operation = <Req, Res>(method: Method<Req, Res>, request: Init<Req>): Operation => ({
  method: method as unknown as Method<unknown, unknown>,
  request: request as object,
})

/** A range that may be one key, an interval, a prefix, everything, or empty. */
const range = (random: Random): { key: string; rangeEnd: string } => {
  if (random.chance(0.4)) return { key: random.pick(keys), rangeEnd: '' }
  const rangeEnd = random.chance(0.25) ? random.pick(edges) : random.pick(ends)
  return { key: random.chance(0.1) ? '\0' : random.pick(keys), rangeEnd }
}

/** Mostly the present, else a revision near the ones that can be read. */
const revision = (random: Random, { revision, compactRevision }: Position): number =>
  random.chance(0.6) ? random.int(-1, 0) : random.int(Math.max(compactRevision - 2, 1), revision + 1)

const rangeRequest = (random: Random, position: Position): Init<RangeRequest> => ({
  ...range(random),
  revision: revision(random, position),
  limit: random.chance(0.3) ? random.int(1, 5) : 0,
  sortOrder: random.chance(0.4) ? random.int(1, 2) : 0,
  sortTarget: random.chance(0.4) ? random.int(0, 4) : 0,
  keysOnly: random.chance(0.1),
  countOnly: random.chance(0.1),
  serializable: random.chance(0.2),
  ...(random.chance(0.15) ? { minModRevision: random.int(1, position.revision + 1) } : {}),
  ...(random.chance(0.15) ? { maxModRevision: random.int(1, position.revision + 1) } : {}),
  ...(random.chance(0.1) ? { minCreateRevision: random.int(1, position.revision + 1) } : {}),
  ...(random.chance(0.1) ? { maxCreateRevision: random.int(1, position.revision + 1) } : {}),
})

const putRequest = (random: Random): Init<PutRequest> => {
  const ignoreValue = random.chance(0.08)
  const ignoreLease = random.chance(0.08)
  return {
    key: random.chance(0.01) ? '' : random.pick(keys),
    value: ignoreValue && random.chance(0.9) ? '' : random.pick(values),
    lease: ignoreLease || random.chance(0.75) ? 0n : random.pick(leases),
    prevKv: random.chance(0.3),
    ignoreValue,
    ignoreLease,
  }
}

const deleteRequest = (random: Random): Init<DeleteRangeRequest> => ({
  ...(random.chance(0.7) ? { key: random.pick(keys) } : range(random)),
  prevKv: random.chance(0.3),
})

/**
 * A delete for use in a transaction, which never goes "from here on": etcd (3.4.23 and 3.5.30 alike) lets such a delete
 * stand beside a put of the same key with ignore_value or ignore_lease, finds no key to keep, and crashes for good.
 */
const boundedDelete = (random: Random): Init<DeleteRangeRequest> => {
  const request = deleteRequest(random)
  return request.rangeEnd === '\0' ? { ...request, rangeEnd: 'f' } : request
}

const compare = (random: Random, { revision }: Position): Init<Compare> => {
  const near = random.chance(0.3) ? 0 : random.int(Math.max(revision - 20, 0), revision)
  const [target, targetUnion] = random.pick([
    [0, { type: 'version', value: random.int(0, 3) }],
    [1, { type: 'createRevision', value: near }],
    [2, { type: 'modRevision', value: near }],
    [3, { type: 'value', value: random.pick(values) }],
    [4, { type: 'lease', value: random.pick([0n, ...leases]) }],
  ] as const)
  const { key, rangeEnd } = range(random)
  return { key, rangeEnd: random.chance(0.8) ? '' : rangeEnd, target, result: random.int(0, 3), targetUnion }
}

const requestOp = (random: Random, position: Position, depth: number): Init<RequestOp> => {
  const kind = random.next()
  if (kind < 0.3) return { request: { type: 'range', value: rangeRequest(random, position) } }
  if (kind < 0.7) return { request: { type: 'put', value: putRequest(random) } }
  if (kind < 0.85 || depth === 0) return { request: { type: 'deleteRange', value: boundedDelete(random) } }
  return { request: { type: 'txn', value: txnRequest(random, position, depth - 1) } }
}

const txnRequest = (random: Random, position: Position, depth: number): Init<TxnRequest> => ({
  compare: random.list(0, 2, () => compare(random, position)),
  success: random.list(0, 4, () => requestOp(random, position, depth)),
  failure: random.list(0, 3, () => requestOp(random, position, depth)),
})

/**
 * A transaction that may put and delete the same keys in one revision, which only nested ones can: what they delete
 * counts against those that come after them.
 */
const putAndDelete = (random: Random, position: Position): Init<TxnRequest> => {
  const branch = (): Init<RequestOp>[] =>
    random.chance(0.5)
      ? [
          {
            request: {
              type: 'put',
              value: { ...putRequest(random), ignoreValue: false, ignoreLease: false },
            },
          },
        ]
      : [{ request: { type: 'deleteRange', value: boundedDelete(random) } }]
  const nested = (depth: number): Init<RequestOp> => {
    const success = depth > 0 && random.chance(0.4) ? [nested(depth - 1)] : branch()
    const isElse = random.chance(0.2)
    const never = isElse
      ? [{ key: 'a', target: 0, result: 0, targetUnion: { type: 'version', value: -1 } } as const]
      : []
    const value = isElse ? { compare: never, failure: success } : { success }
    return { request: { type: 'txn', value } }
  }
  const read = (): Init<RequestOp> => ({ request: { type: 'range', value: rangeRequest(random, position) } })
  return { success: random.list(2, 6, () => (random.chance(0.2) ? read() : nested(3))) }
}

/** Any call that changes or reads the store and whose answer depends on nothing but the calls before it. */
export const randomOperation = (random: Random, position: Position): Operation => {
  const kind = random.next()
  if (kind < 0.3) return operation(KV.put, putRequest(random))
  if (kind < 0.5) return operation(KV.range, rangeRequest(random, position))
  if (kind < 0.62) return operation(KV.deleteRange, deleteRequest(random))
  if (kind < 0.72) return operation(KV.txn, putAndDelete(random, position))
  if (kind < 0.9) return operation(KV.txn, txnRequest(random, position, 3))
  if (kind < 0.93)
    return operation(Lease.grant, {
      id: random.pick(leases),
      ttl: random.chance(0.1) ? 9_000_000_001 : random.int(100_000, 200_000),
    })
  if (kind < 0.95) return operation(Lease.revoke, { id: random.pick(leases) })
  if (kind < 0.97) return operation(Lease.timeToLive, { id: random.pick(leases), keys: true })
  if (kind < 0.98) return operation(Lease.leases, {})
  return operation(KV.compact, { revision: random.int(position.compactRevision, position.revision + 1) })
}
