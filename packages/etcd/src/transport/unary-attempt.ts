import type { Dispatcher } from 'undici'
import { EtcdError } from '../errors.ts'
import type { MessageType } from '../wire/message-type.ts'
import type { PartialAnswer } from './answer-pace.ts'
import type { CallHandler } from './call-handler.ts'
import { callName, hasHeader } from './call-name.ts'
import type { Connection } from './connection.ts'
import { errorOfNetwork } from './network-errors.ts'
import { errorOfHttp, errorOfStatus, type Headers, isGrpc, type CallSite, readStatus } from './status.ts'
import type { Sending } from './undici/session-guard.ts'

/** Receives the result of an attempt: exactly one of `onAnswer` and `onFailure` is called, once. */
export interface AttemptOwner<Res> {
  /** The request is sent. */
  onSent?(): void
  /** Revokes `onSent`. */
  onUnsent?(): void
  /** The peer answers nothing any more over the connection of an attempt that was sent. */
  onSilent?(attempt: UnaryAttempt<Res>): void
  onAnswer(answer: Res, attempt: UnaryAttempt<Res>): void
  onFailure(error: EtcdError, attempt: UnaryAttempt<Res>): void
}

const FRAME_HEADER_BYTES = 5

/**
 * One request on one connection. The chunks of the response are collected and decoded at the end: the
 * response is never paused, and its length is compared with the frame's.
 */
export class UnaryAttempt<Res> implements CallHandler, Sending {
  readonly connection: Connection
  /** The token in the request's headers. */
  readonly token: string | undefined
  /** The request was handed to a connection whose peer speaks HTTP/2, so it may be executed from now on. */
  isSent = false
  /** When it was sent, in monotonic time. */
  sentAt = 0
  /** The session of the connection that it was sent over. */
  session = 0
  readonly #type: MessageType<Res>
  readonly #path: string
  readonly #maxBytes: number
  #owner: AttemptOwner<Res> | undefined
  #controller: Dispatcher.DispatchController | undefined
  #headers: Headers | undefined
  #httpStatus = 0
  #first: Buffer | undefined
  #rest: Buffer[] | undefined
  #bytes = 0
  #answeredSince = 0
  #payload: Buffer | undefined

  constructor(
    owner: AttemptOwner<Res>,
    type: MessageType<Res>,
    path: string,
    connection: Connection,
    token: string | undefined,
    maxBytes: number,
  ) {
    this.#owner = owner
    this.#type = type
    this.#path = path
    this.connection = connection
    this.token = token
    this.#maxBytes = maxBytes
  }

  /** True if the peer has answered nothing that was sent over the connection since. */
  get isSilent(): boolean {
    return this.connection.peer.provenAt < this.sentAt
  }

  /** How long ago it was sent, in milliseconds. */
  get waitedMs(): number {
    return this.connection.peer.now - this.sentAt
  }

  /** What has arrived of the answer; undefined before its first bytes. */
  get partialAnswer(): PartialAnswer | undefined {
    if (this.#first === undefined) return undefined
    // A frame header may come in pieces, of a byte or more each.
    const head =
      this.#rest === undefined ? this.#first : Buffer.concat(this.#rest.slice(0, FRAME_HEADER_BYTES))
    const length = head.length < FRAME_HEADER_BYTES ? undefined : FRAME_HEADER_BYTES + head.readUInt32BE(1)
    return { bytes: this.#bytes, length, since: this.#answeredSince }
  }

  /** The response message as received; only once there is one. */
  get payload(): Buffer {
    return this.#payload!
  }

  /** True if the response starts with etcd's header. */
  get hasHeader(): boolean {
    return hasHeader(this.#path)
  }

  get place(): CallSite {
    return { endpoint: this.connection.url, call: callName(this.#path) }
  }

  /** Aborts the attempt; its owner is not called any more. */
  abandon(reason: Error): void {
    if (this.#owner === undefined) return
    this.#owner = undefined
    if (this.#controller === undefined) {
      this.connection.withdraw(this)
      return
    }
    if (this.isSent) this.connection.givesUp(this, this.waitedMs)
    this.#controller.abort(reason)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // A call that was aborted while it waited for the connection is not sent.
    if (this.#owner === undefined) {
      controller.abort(new EtcdError('cancelled', this.place))
      return
    }
    // undici resends a call after a GOAWAY or a "refused" reset, although it may have been executed.
    if (this.isSent) {
      const what = 'the server rejected the call while it was in progress'
      controller.abort(new EtcdError('connection_lost', { ...this.place, what }))
      return
    }
    this.#controller = controller
    this.connection.starts(this)
  }

  onSent(): void {
    this.isSent = true
    this.sentAt = this.connection.peer.now
    this.connection.peer.sent(this.sentAt)
    this.session = this.connection.session
    this.#owner?.onSent?.()
  }

  onUnsent(): void {
    this.isSent = false
    this.#owner?.onUnsent?.()
  }

  onSilent(): void {
    // What has begun to arrive may arrive whole, even if the peer receives nothing.
    if (this.isSent && this.#first === undefined) this.#owner?.onSilent?.(this)
  }

  onResponseStart(_: Dispatcher.DispatchController, httpStatus: number, headers: Headers): void {
    this.#httpStatus = httpStatus
    this.#headers = headers
    this.connection.peer.answered(this.sentAt)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.connection.peer.hear(chunk.length)
    this.#bytes += chunk.length
    if (this.#bytes > this.#maxBytes) {
      const what = `the answer is larger than ${this.#maxBytes} bytes`
      controller.abort(new EtcdError('response_too_large', { ...this.place, what, fate: 'unknown' }))
    } else if (this.#first === undefined) {
      this.#first = chunk
      this.#answeredSince = this.connection.peer.now
    } else if (this.#rest === undefined) this.#rest = [this.#first, chunk]
    else this.#rest.push(chunk)
  }

  onResponseEnd(_: Dispatcher.DispatchController, trailers: Headers): void {
    this.connection.release(this)
    const owner = this.#owner
    if (owner === undefined) return
    this.#owner = undefined
    let answer: Res
    try {
      answer = this.#read(trailers)
    } catch (error) {
      owner.onFailure(error instanceof EtcdError ? error : errorOfNetwork(error, true, this.place), this)
      return
    }
    owner.onAnswer(answer, this)
  }

  onResponseError(_: Dispatcher.DispatchController | null, error: Error): void {
    this.connection.release(this, error)
    const owner = this.#owner
    if (owner === undefined) return
    this.#owner = undefined
    owner.onFailure(errorOfNetwork(error, this.isSent, this.place), this)
  }

  #read(trailers: Headers): Res {
    const headers = this.#headers ?? {}
    // A gRPC status on a gateway's own page does not come from etcd.
    if (!isGrpc(this.#httpStatus, headers)) {
      throw errorOfHttp(this.#httpStatus, headers['content-type']?.toString(), this.place)
    }
    const status = readStatus(trailers) ?? readStatus(headers)
    this.connection.peer.isProven = true
    if (status === undefined) throw this.#lost('the answer ended without a status')
    if (status.code !== 0) throw errorOfStatus(status, this.place)
    return this.#decode()
  }

  #decode(): Res {
    const bytes = this.#rest === undefined ? this.#first : Buffer.concat(this.#rest, this.#bytes)
    if (bytes === undefined || bytes.length < FRAME_HEADER_BYTES) throw this.#lost('the answer is empty')
    if (bytes[0] !== 0) throw this.#lost('the answer is compressed, which was not asked for')
    const length = bytes.readUInt32BE(1)
    if (bytes.length !== FRAME_HEADER_BYTES + length) {
      throw this.#lost(`the answer has ${bytes.length - FRAME_HEADER_BYTES} of ${length} bytes`)
    }
    this.#payload = bytes.subarray(FRAME_HEADER_BYTES)
    try {
      return this.#type.decode(this.#payload)
    } catch (error) {
      throw error instanceof EtcdError ? error.with({ ...this.place, fate: 'unknown' }) : error
    }
  }

  #lost(what: string): EtcdError {
    return new EtcdError('connection_lost', { ...this.place, what, fate: 'unknown' })
  }
}
