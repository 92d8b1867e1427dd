import {
  CompareResult,
  CompareTarget,
  type Init,
  type RequestOp,
  type ResponseHeader,
} from '@livetree/etcd/wire'
import type { CallContext } from '../grpc/service.ts'
import type { LocalCalls } from './local-calls.ts'

/** A place in the queue for a lock or an election. */
export interface QueuePlace {
  readonly key: Buffer
  readonly createRevision: number
  /** The value that was there before; undefined for a new place. */
  readonly before: Buffer | undefined
  readonly header: ResponseHeader | undefined
}

/** What the key of a place consists of. */
export interface Contender {
  readonly prefix: Buffer
  readonly lease: bigint
  readonly value: Buffer | string
}

/** The condition that a key was created at a revision, 0 if it must not exist. */
export function createdAt(key: Buffer, createRevision: number) {
  return {
    key,
    result: CompareResult.equal,
    target: CompareTarget.create,
    targetUnion: { type: 'createRevision', value: createRevision },
  } as const
}

/** Puts the key of a lease below the prefix, unless the lease is in the queue already. */
export async function enqueue(
  calls: LocalCalls,
  { prefix, lease, value }: Contender,
  context: CallContext,
): Promise<QueuePlace> {
  const key = Buffer.concat([prefix, Buffer.from(lease.toString(16))])
  const put: Init<RequestOp> = { request: { type: 'put', value: { key, value, lease } } }
  const get: Init<RequestOp> = { request: { type: 'range', value: { key } } }
  const request = { compare: [createdAt(key, 0)], success: [put], failure: [get] }
  const { header, responses } = await calls.txn(request, context)
  const answer = responses[0]?.response
  const existing = answer?.type === 'range' ? answer.value.kvs[0] : undefined
  return {
    key,
    createRevision: existing?.createRevision ?? header?.revision ?? 0,
    before: existing?.value,
    header,
  }
}
