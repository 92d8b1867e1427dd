import {
  type DeleteRangeRequest,
  KV,
  type PutRequest,
  type RangeRequest,
  type TxnRequest,
} from '@livetree/etcd/wire'
import type { Caller } from '../auth/caller.ts'
import type { Engine } from '../engine.ts'
import { type CallContext, type Route, unary } from '../grpc/service.ts'
import { checkDeleteRange, checkPut, checkRange, checkTxn } from '../mvcc/check-request.ts'
import { keyOf, keyRange } from '../mvcc/key-range.ts'
import { readRange } from '../mvcc/range.ts'
import {
  applyDeleteRange,
  applyPut,
  applyTxn,
  assertBefore,
  assertLease,
  decideTxn,
  isReadOnly,
} from '../mvcc/txn.ts'
import { ETCD_ERROR } from '../status.ts'

/** etcd's limit for a log entry, in bytes, and the part of it that the entry's own fields take. */
const MAX_REQUEST_BYTES = 1.5 * 1024 * 1024
const LOG_ENTRY_BYTES = 32
/** What etcd adds to the size of a put's key and value when it checks the quota, in bytes. */
const PUT_OVERHEAD_BYTES = 256

function assertSize({ requestBytes }: CallContext): void {
  if (requestBytes + LOG_ENTRY_BYTES > MAX_REQUEST_BYTES) throw ETCD_ERROR.requestTooLarge()
}

function putBytes({ key, value }: PutRequest): number {
  return key.length + value.length + PUT_OVERHEAD_BYTES
}

/**
 * Size of the puts of the larger branch; 0 if there are none. As in etcd, puts of nested transactions do not
 * count.
 */
function txnBytes({ success, failure }: TxnRequest): number {
  const [a = 0, b = 0] = [success, failure].map((operations) =>
    operations.reduce((sum, { request }) => sum + (request?.type === 'put' ? putBytes(request.value) : 0), 0),
  )
  return Math.max(a, b)
}

function authorizePut(engine: Engine, request: PutRequest, caller: Caller): void {
  const range = { type: 'key', start: keyOf(request.key) } as const
  caller.assertWrite(range)
  engine.assertLeaseWrite(request.lease, caller)
  if (request.prevKv) caller.assertRead(range)
}

function authorizeDeleteRange(request: DeleteRangeRequest, caller: Caller): void {
  const range = keyRange(request.key, request.rangeEnd)
  caller.assertWrite(range)
  if (request.prevKv) caller.assertRead(range)
}

function authorizeRange(request: RangeRequest, caller: Caller): void {
  caller.assertRead(keyRange(request.key, request.rangeEnd))
}

function authorizeTxn(engine: Engine, request: TxnRequest, caller: Caller): void {
  // An invalid token is refused even if the transaction is empty.
  caller.user()
  for (const { key, rangeEnd } of request.compare) caller.assertRead(keyRange(key, rangeEnd))
  for (const { request: operation } of [...request.success, ...request.failure]) {
    if (operation?.type === 'range') authorizeRange(operation.value, caller)
    else if (operation?.type === 'put') authorizePut(engine, operation.value, caller)
    else if (operation?.type === 'deleteRange') authorizeDeleteRange(operation.value, caller)
    else if (operation?.type === 'txn') authorizeTxn(engine, operation.value, caller)
  }
}

/** etcd's KV service. */
export function kvService(engine: Engine): Route[] {
  const { store, lessor } = engine
  const hasLease = (id: bigint): boolean => lessor.has(id)
  return [
    unary(KV.range, (request, { caller }) => {
      checkRange(request)
      authorizeRange(request, caller)
      if (request.revision > 0) store.assertReadable(request.revision)
      return { header: engine.header(), ...readRange(store, request) }
    }),

    unary(KV.put, (request, context) => {
      checkPut(request)
      assertSize(context)
      return engine.write((txn) => {
        authorizePut(engine, request, context.caller)
        engine.assertSpace(putBytes(request))
        // In this order; transactions check in the opposite order. A request may fail both.
        assertLease(request, hasLease)
        assertBefore(request, store)
        const { prevKv } = applyPut(txn, request)
        return { header: engine.header(txn.revision), prevKv }
      })
    }),

    unary(KV.deleteRange, (request, context) => {
      checkDeleteRange(request)
      assertSize(context)
      return engine.write((txn) => {
        authorizeDeleteRange(request, context.caller)
        const { deleted, prevKvs } = applyDeleteRange(txn, request)
        return { header: engine.header(txn.revision), deleted, prevKvs }
      })
    }),

    unary(KV.txn, (request, context) => {
      checkTxn(request)
      if (isReadOnly(request)) {
        authorizeTxn(engine, request, context.caller)
        const decided = decideTxn(request, store, hasLease)
        return store.write((txn) => ({ ...applyTxn(txn, decided), header: engine.header() }))
      }
      assertSize(context)
      return engine.write((txn) => {
        authorizeTxn(engine, request, context.caller)
        const bytes = txnBytes(request)
        if (bytes > 0) engine.assertSpace(bytes)
        const decided = decideTxn(request, store, hasLease)
        const { succeeded, responses } = applyTxn(txn, decided)
        return { header: engine.header(txn.revision), succeeded, responses }
      })
    }),

    unary(KV.compact, async ({ revision }, { caller }) => {
      caller.assertAdmin()
      await engine.compact(revision)
      return { header: engine.header() }
    }),
  ]
}
