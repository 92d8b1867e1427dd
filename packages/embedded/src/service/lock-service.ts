import { Lock } from '@livetree/etcd/wire'
import type { Engine } from '../engine.ts'
import { type CallContext, type Route, unary, waiting } from '../grpc/service.ts'
import { GRPC_CODE, StatusError } from '../status.ts'
import { LocalCalls, prefixOf } from './local-calls.ts'
import { enqueue } from './enqueue.ts'

/** etcd's lock service: the lock is held by the oldest key with its name as prefix. */
export function lockService(engine: Engine): Route[] {
  const calls = new LocalCalls(engine)

  const waitForTurn = async (prefix: Buffer, key: Buffer, createRevision: number, context: CallContext) => {
    try {
      await calls.waitForOlder(prefix, createRevision, context)
    } catch (error) {
      await calls.delete({ key }, context)
      throw error
    }
    const { header, kvs } = await calls.range({ key }, context)
    if (kvs.length === 0) throw new StatusError(GRPC_CODE.unknown, 'mutex: session is expired')
    return header
  }

  return [
    waiting(Lock.lock, async ({ name, lease }, context) => {
      const prefix = prefixOf(name)
      const session = await calls.lease(lease, context)
      const { key, createRevision, header } = await enqueue(
        calls,
        { prefix, lease: session, value: '' },
        context,
      )
      const { kvs } = await calls.oldest(prefix, context)
      if (kvs.length === 0 || kvs[0]?.createRevision === createRevision) return { header, key }
      return { header: await waitForTurn(prefix, key, createRevision, context), key }
    }),
    unary(Lock.unlock, async ({ key }, context) => {
      const { header } = await calls.delete({ key }, context)
      return { header }
    }),
  ]
}
