import type { Moment } from '../clock.ts'
import type { EtcdError } from '../errors.ts'
import type { Channel, DuplexStream } from '../transport/transport.ts'
import type { LeaseKeepAliveRequest, LeaseKeepAliveResponse } from '../wire/lease.ts'
import { Lease } from '../wire/rpc.ts'

/** Who hears what comes over one keep-alive stream. */
export interface LineHandlers {
  /** `sentAt` is when the request was sent that this answers. */
  onAnswer(response: LeaseKeepAliveResponse, sentAt: Moment): void
  /** Once. `error` is undefined when the server ended it. */
  onEnd(error: EtcdError | undefined): void
}

/** A request, and its place among all of its stream. */
interface Asked {
  readonly sentAt: Moment
  readonly index: number
}

/** One keep-alive stream, and what was asked on it and not answered. The server answers the requests for a lease in order. */
export class KeepAliveLine {
  readonly #stream: DuplexStream<LeaseKeepAliveRequest>
  /** Oldest first. */
  readonly #asked = new Map<bigint, Asked[]>()
  #count = 0

  /** Opens it at another endpoint than the one to avoid, if there is one. */
  constructor(channel: Channel, avoid: string | undefined, handlers: LineHandlers) {
    this.#stream = channel.stream(
      Lease.keepAlive,
      {
        onMessage: (response) => {
          const sentAt = this.#answered(response.id)
          if (sentAt !== undefined) handlers.onAnswer(response, sentAt)
        },
        onEnd: (error) => handlers.onEnd(error),
      },
      avoid === undefined ? {} : { avoid },
    )
  }

  get endpoint(): string {
    return this.#stream.endpoint
  }

  ask(id: bigint, sentAt: Moment): void {
    const asked = this.#asked.get(id)
    this.#count += 1
    const request = { sentAt, index: this.#count }
    if (asked === undefined) this.#asked.set(id, [request])
    else asked.push(request)
    this.#stream.send({ id })
  }

  /** When the request was sent that has waited longest for its answer. */
  oldest(id: bigint): Moment | undefined {
    return this.#asked.get(id)?.[0]?.sentAt
  }

  /**
   * The lease whose request comes next to be answered: the server takes one after the other, so that this is the one it
   * speaks of when it ends the stream with a status.
   */
  get next(): bigint | undefined {
    let next: { readonly id: bigint; readonly index: number } | undefined
    for (const [id, [first]] of this.#asked)
      if (first !== undefined && (next === undefined || first.index < next.index))
        next = { id, index: first.index }
    return next?.id
  }

  /** True while there is a request whose answer would be of use. */
  awaits(isUseful: (id: bigint, sentAt: Moment) => boolean): boolean {
    return [...this.#asked].some(([id, requests]) => requests.some(({ sentAt }) => isUseful(id, sentAt)))
  }

  cancel(): void {
    this.#stream.cancel()
  }

  #answered(id: bigint): Moment | undefined {
    const asked = this.#asked.get(id)
    const request = asked?.shift()
    if (asked?.length === 0) this.#asked.delete(id)
    return request?.sentAt
  }
}
