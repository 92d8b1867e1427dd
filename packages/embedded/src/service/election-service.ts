import {
  Election,
  type Event,
  EventType,
  type Init,
  type LeaderKey,
  type LeaderResponse,
  type ResponseHeader,
} from '@livetree/etcd/wire'
import type { Engine } from '../engine.ts'
import { type CallContext, duplex, type Route, type ServerStream, unary, waiting } from '../grpc/service.ts'
import { GRPC_CODE, StatusError } from '../status.ts'
import type { WatchStream } from '../watch/watch-stream.ts'
import { createdAt, enqueue } from './enqueue.ts'
import { endOf, LocalCalls, prefixOf, type WatchedRange } from './local-calls.ts'

function failure(message: string): StatusError {
  return new StatusError(GRPC_CODE.unknown, message)
}

function given(leader: LeaderKey | undefined): LeaderKey {
  if (leader === undefined) throw failure('"leader" field must be provided')
  return leader
}

/** etcd's election service: the leader is the oldest key with the election's name as prefix. */
export function electionService(engine: Engine): Route[] {
  const calls = new LocalCalls(engine)

  const proclaim = async ({ key, rev, lease }: LeaderKey, value: Buffer, context: CallContext) => {
    const put = { request: { type: 'put', value: { key, value, lease } } } as const
    const { succeeded, header } = await calls.txn({ compare: [createdAt(key, rev)], success: [put] }, context)
    if (!succeeded) throw failure('election: not leader')
    return header
  }

  const resign = async ({ key, rev }: LeaderKey, context: CallContext) => {
    const remove = { request: { type: 'deleteRange', value: { key } } } as const
    return (await calls.txn({ compare: [createdAt(key, rev)], success: [remove] }, context)).header
  }

  return [
    waiting(Election.campaign, async ({ name, lease, value }, context) => {
      const prefix = prefixOf(name)
      const session = await calls.lease(lease, context)
      const place = await enqueue(calls, { prefix, lease: session, value }, context)
      const leader = { name, key: place.key, rev: place.createRevision, lease: session }
      try {
        if (place.before !== undefined && !place.before.equals(value)) await proclaim(leader, value, context)
        await calls.waitForOlder(prefix, place.createRevision, context)
      } catch (error) {
        await resign(leader, context)
        throw error
      }
      return { header: place.header, leader }
    }),
    unary(Election.proclaim, async ({ leader, value }, context) => {
      const known = given(leader)
      const lease = await calls.lease(known.lease, context)
      return { header: await proclaim({ ...known, lease }, value, context) }
    }),
    unary(Election.leader, async ({ name }, context) => {
      const { header, kvs } = await calls.oldest(prefixOf(name), context)
      if (kvs[0] === undefined) throw failure('election: no leader')
      return { header, kv: kvs[0] }
    }),
    duplex(Election.observe, (stream, context) => {
      let observer: LeaderObserver | undefined
      return {
        receive({ name }) {
          if (observer !== undefined) return
          observer = new LeaderObserver(calls, prefixOf(name), stream, context)
          observer.findLeader()
        },
        end: () => {},
        drain: () => observer?.drain(),
        close: () => observer?.close(),
      }
    }),
    unary(Election.resign, async ({ leader }, context) => {
      const known = given(leader)
      await calls.lease(known.lease, context)
      return { header: await resign(known, context) }
    }),
  ]
}

/** Sends the leader of an election and each change of its value, and so for every leader that follows. */
class LeaderObserver {
  readonly #calls: LocalCalls
  readonly #prefix: Buffer
  readonly #stream: ServerStream<LeaderResponse>
  readonly #context: CallContext
  #watch: WatchStream | undefined
  #isClosed = false

  constructor(calls: LocalCalls, prefix: Buffer, stream: ServerStream<LeaderResponse>, context: CallContext) {
    this.#calls = calls
    this.#prefix = prefix
    this.#stream = stream
    this.#context = context
  }

  findLeader(): void {
    // As in etcd, the stream ends without words if the caller may not read.
    this.#find().catch(() => this.#stream.end())
  }

  drain(): void {
    this.#watch?.drain()
  }

  close(): void {
    this.#isClosed = true
    this.#watch?.close()
    this.#watch = undefined
  }

  async #find(): Promise<void> {
    const { header, kvs } = await this.#calls.oldest(this.#prefix, this.#context)
    if (this.#isClosed) return
    const [leader] = kvs
    const revision = header?.revision ?? 0
    if (leader === undefined) {
      this.#follow({ key: this.#prefix, rangeEnd: endOf(this.#prefix), startRevision: revision })
      return
    }
    this.#stream.send({ header, kv: leader })
    this.#follow({ key: leader.key, startRevision: revision + 1 })
  }

  /** Watches the leader's key, or the prefix for the first key in it. */
  #follow(range: WatchedRange): void {
    this.#watch = this.#calls.watch(range, this.#context, {
      onEvents: (events, header) => this.#tell(events, header, range),
      onEnd: () => this.#stream.end(),
    })
  }

  #tell(events: readonly Init<Event>[], header: ResponseHeader | undefined, range: WatchedRange): boolean {
    const isAwaited = range.rangeEnd !== undefined
    let hasRoom = true
    for (const { type, kv } of events) {
      const isPut = type !== EventType.delete
      if (isAwaited === isPut) {
        this.#watch?.close()
        this.#watch = undefined
        this.findLeader()
        return hasRoom
      }
      if (isPut) hasRoom = this.#stream.send({ header, kv })
    }
    return hasRoom
  }
}
