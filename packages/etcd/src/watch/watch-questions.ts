import { asEtcdError } from '../as-etcd-error.ts'
import { errorCodes } from '../error-codes.ts'
import { EtcdError, isFinalError } from '../errors.ts'
import type { StoreRecognizer } from '../reflector/store-recognizer.ts'
import type { Channel } from '../transport/transport.ts'
import type { RangeRequest, RangeResponse, ResponseHeader } from '../wire/kv.ts'
import type { Init } from '../wire/message-type.ts'
import { KV } from '../wire/rpc.ts'
import { REFUSAL_LIMIT } from './next-stream.ts'
import { Lane } from './lane.ts'
import type { ClusterChange } from './watch-handlers.ts'
import type { WatchState } from './watch-state.ts'
import type { WatchStream } from './watch-stream.ts'

/** What the questions need from the connection. */
export interface QuestionPorts {
  readonly channel: Channel
  readonly recognizer: StoreRecognizer
  /** The watches of the connection that have not ended. */
  watchers(): Iterable<WatchState>
  isCurrent(stream: WatchStream): boolean
  /** True if what is found of the store of `knowing` holds for the store of `watcher` too. */
  isFollowing(watcher: WatchState, knowing: WatchState): boolean
  /** The question is answered, and the watch may return to the stream. */
  onAnswered(watcher: WatchState): void
  /** The watch cannot be verified now: it waits alone before it asks again. */
  onRefused(watcher: WatchState, error: EtcdError): void
  /** The question was not answered, so the stream is given up. */
  onUnanswered(stream: WatchStream, error: EtcdError): void
  /** The stream needs a new token. */
  onStaleToken(watcher: WatchState, stream: WatchStream): void
}

/** Questions in flight; thousands at once would time out together. */
const MAX_ASKED = 32

/** How long a read waits for room beside a stream that takes room and serves nothing, in milliseconds. */
const ROOM_MS = 1_000

/** Reads that verify something for a watch. The watch stays off the stream until they are answered. */
export class WatchQuestions {
  readonly #ports: QuestionPorts
  readonly #asking = new Map<WatchState, symbol>()
  #lane = new Lane(MAX_ASKED)

  constructor(ports: QuestionPorts) {
    this.#ports = ports
  }

  get size(): number {
    return this.#asking.size
  }

  has(watcher: WatchState): boolean {
    return this.#asking.has(watcher)
  }

  /** Ignores the answer for this watch. */
  delete(watcher: WatchState): void {
    this.#asking.delete(watcher)
  }

  /** Ignores all answers: they are about a server whose stream has ended, and each next stream is verified. */
  clear(): void {
    this.#asking.clear()
    // Questions that are not answered at the last server do not delay those at the next.
    this.#lane = new Lane(MAX_ASKED)
  }

  /**
   * After a lost connection, and between a list and its watch, another store may have replaced the known one.
   * What is known is therefore compared with the store at this endpoint before anything from the stream is
   * delivered. A store that cannot be recognized ends the watch; callers that list can list again.
   */
  prove(watcher: WatchState, stream: WatchStream, endpoint: string): void {
    const question = watcher.store.questionAt(watcher.position)
    if (question === undefined || !watcher.isToVerify(stream)) {
      if (isConnecting(watcher)) this.#ports.onAnswered(watcher)
      return
    }
    const { known } = watcher
    const options = { endpoint, ...roomBeside(stream) }
    const ask = () => this.#ports.recognizer.recognize({ question, known, options })
    this.#ask(watcher, stream, 'KV/Txn', ask, {
      onAnswer: (found) => {
        if (found.type === 'same') watcher.provenOn(stream)
        else if (found.type === 'unproven') this.#onUnproven(watcher, stream, found.error)
        else this.#changeStore(watcher, found.reason, found.clusterId ?? known.clusterId ?? 0n)
      },
      onError: (error) => {
        // The watch starts in the same history and is refused with the revision of the compaction.
        if (error.code !== 'compacted') return false
        watcher.provenOn(stream)
        return true
      },
      onRefused: (error) => this.#onUnproven(watcher, stream, error),
    })
  }

  /** The store of this member may have gone back: a linearizable read tells whether the member only lags. */
  verify(watcher: WatchState, stream: WatchStream): void {
    const ask = () => this.#read({ key: watcher.plan.range.key }, stream).then(headerOf)
    this.#ask(watcher, stream, 'KV/Range', ask, {
      onAnswer: (header) => {
        const setback = watcher.setbackOf(header)
        if (setback === undefined) stream.confirmStore(header)
        else watcher.changeCluster(setback, header.clusterId)
      },
      onRefused: (error) => this.#onUnproven(watcher, stream, error),
    })
  }

  /**
   * etcd before 3.5 reports "permission denied" also for a stream with an expired token. The same range is
   * therefore read with a current token: if the read is refused too, the permission is missing; otherwise the
   * stream needs a new token.
   */
  askPermission(watcher: WatchState, stream: WatchStream): void {
    const ask = () => this.#read({ ...watcher.plan.range, serializable: true }, stream)
    this.#ask(watcher, stream, 'KV/Range', ask, {
      onAnswer: () => this.#ports.onStaleToken(watcher, stream),
    })
  }

  /** The server refuses every read that identifies its store; the same refusal tells that a permission is missing. */
  #onUnproven(watcher: WatchState, stream: WatchStream, { code }: EtcdError): void {
    if (code === 'permission_denied') this.askPermission(watcher, stream)
    else watcher.changeCluster('unproven', watcher.clusterId ?? 0n)
  }

  /** Ends all watches that shared a stream with this one or follow it, because they were on the same store. */
  #changeStore(watcher: WatchState, reason: ClusterChange['reason'], clusterId: bigint): void {
    const { lastStream } = watcher
    const isAlike = (each: WatchState) =>
      each === watcher ||
      (lastStream !== undefined && each.lastStream === lastStream && isConnecting(each)) ||
      this.#ports.isFollowing(each, watcher)
    for (const each of [...this.#ports.watchers()].filter(isAlike)) each.changeCluster(reason, clusterId)
  }

  #read(range: Init<RangeRequest>, stream: WatchStream): Promise<RangeResponse> {
    const options = { retry: 'read' as const, ...roomBeside(stream) }
    return this.#ports.channel.unary(KV.range, { ...range, limit: 1, keysOnly: true }, options)
  }

  #ask<Answer>(
    watcher: WatchState,
    stream: WatchStream,
    call: string,
    ask: () => Promise<Answer>,
    on: Reactions<Answer>,
  ): void {
    const mark = Symbol('asked')
    this.#asking.set(watcher, mark)
    const isAwaited = () => this.#asking.get(watcher) === mark
    const isAnswered = () => isAwaited() && this.#asking.delete(watcher)
    const fail = (thrown: unknown) => {
      if (!isAnswered()) return
      const error = asEtcdError(thrown, call)
      if (on.onError?.(error)) this.#ports.onAnswered(watcher)
      else this.#onFailure(watcher, stream, error, on)
    }
    this.#lane.run(async () => {
      if (!isAwaited()) return
      try {
        const answer = await ask()
        if (!isAnswered()) return
        on.onAnswer(answer)
        if (!this.has(watcher)) this.#ports.onAnswered(watcher)
      } catch (error) {
        fail(error)
      }
    })
  }

  /**
   * A failure of the endpoint or the connection concerns every watch of the stream, so the next one is opened
   * elsewhere. What a server or a gateway refuses to one watch, and what keeps failing while the stream is
   * served, concerns that watch alone.
   */
  #onFailure<Answer>(
    watcher: WatchState,
    stream: WatchStream,
    error: EtcdError,
    { onRefused }: Reactions<Answer>,
  ): void {
    const isCurrent = this.#ports.isCurrent(stream)
    if (error.code === 'unauthenticated') {
      if (isCurrent) this.#ports.onUnanswered(stream, error)
      else this.#ports.onAnswered(watcher)
      return
    }
    if (isFinalError(error)) {
      watcher.end(error)
      return
    }
    watcher.store.unanswered += 1
    const isOften = watcher.store.unanswered > REFUSAL_LIMIT
    if (isOften && isRefusal(error) && onRefused !== undefined) onRefused(error)
    else if (isOften || isRefusal(error)) this.#ports.onRefused(watcher, error)
    else if (isCurrent) this.#ports.onUnanswered(stream, error)
    if (!this.has(watcher)) this.#ports.onAnswered(watcher)
  }
}

/** What the answer to a question leads to. */
interface Reactions<Answer> {
  onAnswer(answer: Answer): void
  /** Returns true if the error answers the question. */
  onError?(error: EtcdError): boolean
  /** The question is refused again and again. Default: it is asked again, at growing intervals. */
  onRefused?(error: EtcdError): void
}

/**
 * The limit of the wait for room. A stream that serves watches is not given up for a read, so that one waits for the
 * calls of others to end.
 */
function roomBeside(stream: WatchStream): { readonly roomMs?: number } {
  return stream.isOpen && !stream.isServing ? { roomMs: ROOM_MS } : {}
}

/** True if something answered and another endpoint would not help. */
function isRefusal({ code, grpcStatus }: EtcdError): boolean {
  if (code === 'not_grpc') return true
  return grpcStatus !== undefined && !errorCodes[code].blamesEndpoint
}

/** @throws EtcdError `malformed_message` */
function headerOf({ header }: RangeResponse): ResponseHeader {
  if (header === undefined) throw new EtcdError('malformed_message', { call: 'KV/Range' })
  return header
}

/** True if the watch is to be added to a stream. */
export function isConnecting(watcher: WatchState): boolean {
  return watcher.state === 'connecting'
}

/**
 * True if the refusal of a token is reported to the watch as a lost connection. The first refusal of a watch that no
 * server serves is none: tokens expire, and a lagging member does not know a new one yet.
 */
export function isNews(watcher: WatchState): boolean {
  return watcher.refusals > 1 || !isConnecting(watcher)
}
