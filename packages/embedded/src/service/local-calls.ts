import {
  type DeleteRangeRequest,
  type Event,
  EventType,
  type Init,
  KV,
  Lease,
  type Method,
  type RangeRequest,
  type ResponseHeader,
  type TxnRequest,
  WatchCreateRequest,
} from '@livetree/etcd/wire'
import type { Engine } from '../engine.ts'
import type { CallContext } from '../grpc/service.ts'
import { ETCD_ERROR, GRPC_CODE, StatusError } from '../status.ts'
import { WatchStream } from '../watch/watch-stream.ts'
import { kvService } from './kv-service.ts'
import { leaseService } from './lease-service.ts'

/** TTL in seconds of the lease that is granted to a lock or election without one. */
const SESSION_TTL_SECONDS = 60

/** Values of `RangeRequest.sortOrder` and `sortTarget`: by create revision. */
const OLDEST = { sortOrder: 1, sortTarget: 2, limit: 1 }
const NEWEST = { ...OLDEST, sortOrder: 2 }

/** A range to watch. */
export interface WatchedRange {
  readonly key: Buffer
  readonly rangeEnd?: Buffer
  readonly startRevision: number
}

/** Receives what a watch of the server itself delivers. */
export interface WatchListener {
  /** Returns false if no more events may follow until `drain` is called. */
  onEvents(events: readonly Init<Event>[], header: ResponseHeader | undefined): boolean
  /** The watch is refused or has failed; the reason in etcd's words. */
  onEnd(reason: string): void
}

/** The prefix of all keys of a lock or an election. */
export function prefixOf(name: Uint8Array): Buffer {
  return Buffer.concat([name, Buffer.from('/')])
}

/** The end of the range of a prefix, which ends with a slash. */
export function endOf(prefix: Buffer): Buffer {
  return Buffer.concat([prefix.subarray(0, -1), Buffer.from('0')])
}

/**
 * The calls that etcd's lock and election services make on their own server, with the permissions of their caller. As in
 * etcd, their errors lose the code.
 */
export class LocalCalls {
  readonly #engine: Engine
  readonly #routes

  constructor(engine: Engine) {
    this.#engine = engine
    this.#routes = [...kvService(engine), ...leaseService(engine)]
  }

  txn(request: Init<TxnRequest>, context: CallContext) {
    return this.#call(KV.txn, request, context)
  }

  delete(request: Init<DeleteRangeRequest>, context: CallContext) {
    return this.#call(KV.deleteRange, request, context)
  }

  range(request: Init<RangeRequest>, context: CallContext) {
    return this.#call(KV.range, request, context)
  }

  /** The oldest key with a prefix. */
  oldest(prefix: Buffer, context: CallContext) {
    return this.range({ key: prefix, rangeEnd: endOf(prefix), ...OLDEST }, context)
  }

  /** The lease of a session: the given one, or a new one for 0n. */
  async lease(id: bigint, context: CallContext): Promise<bigint> {
    return id === 0n ? (await this.#call(Lease.grant, { ttl: SESSION_TTL_SECONDS }, context)).id : id
  }

  /** Waits until no key with the prefix is older than the create revision. Rejects if the call ends before. */
  async waitForOlder(prefix: Buffer, createRevision: number, context: CallContext): Promise<void> {
    const query = { key: prefix, rangeEnd: endOf(prefix), ...NEWEST, maxCreateRevision: createRevision - 1 }
    for (;;) {
      const { kvs, header } = await this.range(query, context)
      const [last] = kvs
      if (last === undefined) return
      await this.#waitForDeletion({ key: last.key, startRevision: header?.revision ?? 0 }, context)
    }
  }

  /** Watches a range until the stream that is returned is closed. */
  watch(range: WatchedRange, { caller }: CallContext, listener: WatchListener): WatchStream {
    const stream = new WatchStream(this.#engine, {
      send: (response) => {
        if (response.canceled === true) listener.onEnd(response.cancelReason ?? '')
        return listener.onEvents(response.events ?? [], response.header as ResponseHeader | undefined)
      },
      fail: (error) => listener.onEnd((error as Error).message),
      assertMayWatch: (watched) => caller.assertRead(watched),
    })
    const value = { ...WatchCreateRequest.decode(Buffer.alloc(0)), ...range }
    stream.receive({ request: { type: 'create', value } })
    return stream
  }

  async #waitForDeletion(range: WatchedRange, context: CallContext): Promise<void> {
    let stream: WatchStream | undefined
    const deleted = new Promise<void>((resolve, reject) => {
      const end = (reason: string): void => reject(new StatusError(GRPC_CODE.unknown, reason))
      context.onClose(() => end('context canceled'))
      stream = this.watch(range, context, {
        onEvents(events) {
          if (events.some(({ type }) => type === EventType.delete)) resolve()
          return true
        },
        onEnd: end,
      })
    })
    try {
      await deleted
    } finally {
      stream?.close()
    }
  }

  async #call<Req, Res>(method: Method<Req, Res>, request: Init<Req>, context: CallContext): Promise<Res> {
    const route = this.#routes.find((each) => each.method.path === method.path)
    if (route?.type !== 'unary') throw ETCD_ERROR.stopped()
    const whole = method.request.decode(method.request.encode(request), 'clamp')
    try {
      return (await route.handle(whole, context)) as Res
    } catch (error) {
      if (error instanceof StatusError) throw new StatusError(GRPC_CODE.unknown, error.message)
      throw error
    }
  }
}
