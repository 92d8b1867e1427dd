import type { Init, Method } from '@livetree/etcd/wire'

/** How a call ended: the numbers and words that the server gave. */
export class RawStatus extends Error {
  readonly code: number
  /** Where the status stood. */
  readonly place: 'headers' | 'trailers'

  constructor(code: number, message: string, place: 'headers' | 'trailers') {
    super(message)
    this.name = 'RawStatus'
    this.code = code
    this.place = place
  }
}

/** Request headers besides gRPC's own, such as `token` and `hasleader`. */
export type Metadata = Readonly<Record<string, string>>

/** Calls of a server, whichever way they take: gRPC or JSON. */
export interface CallClient {
  /** One call; rejects with `RawStatus` when it ends with anything but OK. */
  call<Req, Res>(method: Method<Req, Res>, request: Init<Req>, metadata?: Metadata): Promise<Res>
  /** Opens a call on which both sides stream. */
  open<Req, Res>(method: Method<Req, Res>, metadata?: Metadata): CallStream<Req, Res>
  close(): Promise<void>
}

/** A call on which both sides stream. */
export interface CallStream<Req, Res> {
  /** How the call ended. Never settles while it is open. */
  readonly status: Promise<RawStatus>
  send(message: Init<Req>): void
  /** The next answer. Rejects when there is none within the time, or with how the call ended. */
  next(timeoutMs?: number): Promise<Res>
  /** Half-close: no more messages from us. */
  end(): void
  /** Breaks the call off. */
  reset(): void
}
