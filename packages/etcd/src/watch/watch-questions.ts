import { asEtcdError } from '../as-etcd-error.ts'
import { EtcdError, isFinalError } from '../errors.ts'
import type { StoreRecognizer } from '../reflector/store-recognizer.ts'
import type { Channel } from '../transport/transport.ts'
import type { RangeRequest, RangeResponse, ResponseHeader } from '../wire/kv.ts'
import type { Init } from '../wire/message-type.ts'
import { KV } from '../wire/rpc.ts'
import type { ClusterChange } from './watch-handlers.ts'
import type { WatchState } from './watch-state.ts'
import type { WatchStream } from './watch-stream.ts'

/** What the questions need of the connection. */
export interface QuestionPorts {
  readonly channel: Channel
  readonly recognizer: StoreRecognizer
  /** The watches of the connection that have not ended. */
  watchers(): Iterable<WatchState>
  isCurrent(session: WatchStream): boolean
  /** The watch was asked about, and may go back to the stream. */
  onAnswered(watcher: WatchState): void
  /** There was no answer: the stream is left. */
  onUnanswered(session: WatchStream, error: EtcdError): void
  /** It is the stream that needs a new token. */
  onStaleToken(watcher: WatchState, session: WatchStream): void
}

/** What the store is asked about watches, which stay off the stream until it has answered. */
export class WatchQuestions {
  readonly #ports: QuestionPorts
  readonly #asking = new Map<WatchState, symbol>()

  constructor(ports: QuestionPorts) {
    this.#ports = ports
  }

  get size(): number {
    return this.#asking.size
  }

  has(watcher: WatchState): boolean {
    return this.#asking.has(watcher)
  }

  /** Nobody waits for the answer any more. */
  delete(watcher: WatchState): void {
    this.#asking.delete(watcher)
  }

  /**
   * After a lost connection, and between a list and its watch, another store may have taken the place of the known one:
   * what is known of it is held against the store at this endpoint, before anything of the stream is delivered. A store that
   * cannot be recognized ends the watch: whoever lists can list again.
   */
  prove(watcher: WatchState, session: WatchStream, endpoint: string): void {
    const question = watcher.questionFor(session)
    if (question === undefined) {
      if (isConnecting(watcher)) this.#ports.onAnswered(watcher)
      return
    }
    const { known } = watcher
    const recognition = this.#ports.recognizer.recognize({ question, known, options: { endpoint } })
    this.#ask(watcher, session, 'KV/Txn', recognition, {
      onAnswer: (found) => {
        if (found.type === 'same') watcher.provenOn(session)
        else if (found.type === 'unproven') watcher.changeCluster('unproven', known.clusterId ?? 0n)
        else this.#changeStore(watcher, found.reason, found.clusterId ?? known.clusterId ?? 0n)
      },
      onError: (error) => {
        // The watch begins in the same history, and is refused for the same reason, with the revision of the compaction.
        if (error.code !== 'compacted') return false
        watcher.provenOn(session)
        return true
      },
    })
  }

  /** The store at this member may have gone back: a linearizable read tells whether the member only lags. */
  verify(watcher: WatchState, session: WatchStream): void {
    const answer = this.#read({ key: watcher.plan.range.key }).then(headerOf)
    this.#ask(watcher, session, 'KV/Range', answer, {
      onAnswer: (header) => {
        const setback = watcher.setbackOf(header)
        if (setback === undefined) session.confirmStore(header)
        else watcher.changeCluster(setback, header.clusterId)
      },
    })
  }

  /**
   * "Permission denied" is also what etcd before 3.5 says of a stream whose token has expired. A read of the same range
   * goes with a good token: if that is refused too, it is true; if not, it is the stream that needs the new token.
   */
  askPermission(watcher: WatchState, session: WatchStream): void {
    this.#ask(watcher, session, 'KV/Range', this.#read({ ...watcher.plan.range, serializable: true }), {
      onAnswer: () => this.#ports.onStaleToken(watcher, session),
    })
  }

  /** Whatever was on the same stream as the watch was on the same store, and is no longer. */
  #changeStore(watcher: WatchState, reason: ClusterChange['reason'], clusterId: bigint): void {
    const { lastStream } = watcher
    const isAlike = (each: WatchState) =>
      each === watcher || (lastStream !== undefined && each.lastStream === lastStream && isConnecting(each))
    for (const each of [...this.#ports.watchers()].filter(isAlike)) each.changeCluster(reason, clusterId)
  }

  #read(range: Init<RangeRequest>): Promise<RangeResponse> {
    return this.#ports.channel.unary(KV.range, { ...range, limit: 1, keysOnly: true }, { retry: 'read' })
  }

  #ask<Answer>(
    watcher: WatchState,
    session: WatchStream,
    call: string,
    answer: Promise<Answer>,
    on: { onAnswer(answer: Answer): void; onError?(error: EtcdError): boolean },
  ): void {
    const mark = Symbol('asked')
    this.#asking.set(watcher, mark)
    const isAnswered = () => this.#asking.get(watcher) === mark && this.#asking.delete(watcher)
    const fail = (thrown: unknown) => {
      if (!isAnswered()) return
      const error = asEtcdError(thrown, call)
      if (on.onError?.(error)) this.#ports.onAnswered(watcher)
      else if (error.code !== 'unauthenticated' && isFinalError(error)) watcher.end(error)
      else if (this.#ports.isCurrent(session)) this.#ports.onUnanswered(session, error)
      else this.#ports.onAnswered(watcher)
    }
    answer.then((given) => {
      if (!isAnswered()) return
      on.onAnswer(given)
      this.#ports.onAnswered(watcher)
    }, fail)
  }
}

/** @throws EtcdError `malformed_message` */
function headerOf({ header }: RangeResponse): ResponseHeader {
  if (header === undefined) throw new EtcdError('malformed_message', { call: 'KV/Range' })
  return header
}

/** Whether the watch wants to be on a stream and is on none. */
export function isConnecting(watcher: WatchState): boolean {
  return watcher.state === 'connecting'
}
