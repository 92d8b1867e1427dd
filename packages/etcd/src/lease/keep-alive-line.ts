import { type Clock, type Moment, momentOf, monotonicNow } from '../clock.ts'
import type { EtcdError } from '../errors.ts'
import type { Channel, DuplexStream } from '../transport/transport.ts'
import type { LeaseKeepAliveRequest, LeaseKeepAliveResponse } from '../wire/lease.ts'
import { Lease } from '../wire/rpc.ts'

/** Callbacks of one keep-alive stream. */
export interface LineHandlers {
  /** `sentAt` is when the answered request was sent. */
  onAnswer(response: LeaseKeepAliveResponse, sentAt: Moment): void
  /** Called once. `error` is undefined if the server ended the stream. */
  onEnd(error: EtcdError | undefined): void
}

/** A request and its position on the stream. */
interface Asked {
  readonly askedAt: Moment
  /** Later than `askedAt` if the stream waited for a connection, a token or a free stream. */
  sentAt: Moment
  /** When it was passed to the stream, in monotonic time; set again when the stream opens. */
  givenAt: number
  readonly index: number
}

/** What a `KeepAliveLine` needs from the client. */
export interface LinePorts {
  readonly channel: Channel
  readonly clock: Clock
}

/**
 * One keep-alive stream and its unanswered requests. The server answers the requests for one lease in order.
 */
export class KeepAliveLine {
  readonly #clock: Clock
  readonly #stream: DuplexStream<LeaseKeepAliveRequest>
  /** Unanswered requests by lease, oldest first. */
  readonly #asked = new Map<bigint, Asked[]>()
  #count = 0

  /** Opens the stream, if possible at another endpoint than `avoid`. */
  constructor({ channel, clock }: LinePorts, avoid: string | undefined, handlers: LineHandlers) {
    this.#clock = clock
    const options = { onSent: () => this.#onSent(), ...(avoid === undefined ? {} : { avoid }) }
    this.#stream = channel.stream(
      Lease.keepAlive,
      {
        onMessage: (response) => {
          const request = this.#answered(response.id)
          if (request === undefined) return
          this.#stream.answered?.(request.givenAt)
          handlers.onAnswer(response, request.sentAt)
        },
        onEnd: (error) => handlers.onEnd(error),
      },
      options,
    )
  }

  get endpoint(): string {
    return this.#stream.endpoint
  }

  ask(id: bigint): void {
    const asked = this.#asked.get(id)
    this.#count += 1
    const askedAt = momentOf(this.#clock)
    const request = { askedAt, sentAt: askedAt, givenAt: 0, index: this.#count }
    if (asked === undefined) this.#asked.set(id, [request])
    else asked.push(request)
    this.#stream.send({ id })
    request.givenAt = monotonicNow(this.#clock)
  }

  /** Since when the oldest unanswered request for the lease is waiting, whether or not it has been sent. */
  oldest(id: bigint): Moment | undefined {
    return this.#asked.get(id)?.[0]?.askedAt
  }

  /**
   * The lease whose request will be answered next. The server processes requests one after the other, so a
   * status that ends the stream concerns this lease.
   */
  get next(): bigint | undefined {
    let next: { readonly id: bigint; readonly index: number } | undefined
    for (const [id, [first]] of this.#asked)
      if (first !== undefined && (next === undefined || first.index < next.index))
        next = { id, index: first.index }
    return next?.id
  }

  /** True while an unanswered request is useful by the given predicate. */
  awaits(isUseful: (id: bigint, sentAt: Moment) => boolean): boolean {
    return [...this.#asked].some(([id, requests]) => requests.some(({ sentAt }) => isUseful(id, sentAt)))
  }

  /** Answers are late: if the connection is silent, later streams get a new one. */
  suspect(): void {
    this.#stream.suspect?.()
  }

  cancel(): void {
    this.#stream.cancel()
  }

  /** The stream was opened on a connection: the requests so far are sent now. */
  #onSent(): void {
    const sentAt = momentOf(this.#clock)
    for (const request of [...this.#asked.values()].flat()) {
      request.sentAt = sentAt
      request.givenAt = sentAt.monotonicMs
    }
  }

  #answered(id: bigint): Asked | undefined {
    const asked = this.#asked.get(id)
    const request = asked?.shift()
    if (asked?.length === 0) this.#asked.delete(id)
    return request
  }
}
