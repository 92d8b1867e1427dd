import { constants, type ServerHttp2Stream } from 'node:http2'
import { type EtcdError, encodeFrame, FrameReader, type Init, type Method } from '@livetree/etcd/wire'
import { grpcCode, StatusError } from '../status.ts'
import type { ServerStream } from './service.ts'
import { statusHeaders } from './status-headers.ts'

const responseHeaders = { ':status': 200, 'content-type': 'application/grpc' } as const
/** Largest message taken, in bytes: etcd's largest request and the room it leaves for gRPC. */
const maxMessageBytes = 2 * 1024 * 1024
/** Above this a message is not even collected. */
const maxCollectedBytes = 64 * 1024 * 1024

/** Ends a stream that is no call of ours. */
export const refuseStream = (stream: ServerHttp2Stream, error: StatusError): void => {
  stream.on('error', () => {})
  stream.respond({ ...responseHeaders, ...statusHeaders(error) }, { endStream: true })
  stream.resume()
}

/** One gRPC call on its HTTP/2 stream: messages in, messages out, a status at the end. */
export class Call implements ServerStream<unknown> {
  readonly method: Method<unknown, unknown>
  readonly requiresLeader: boolean
  readonly #stream: ServerHttp2Stream
  #status: StatusError | undefined

  constructor(method: Method<unknown, unknown>, stream: ServerHttp2Stream, requiresLeader: boolean) {
    this.method = method
    this.requiresLeader = requiresLeader
    this.#stream = stream
    // A client that goes away resets its streams; `close` follows and is all that matters here.
    stream.on('error', () => {})
    // When a client resets a stream with code 0, Node waits for our half to end, which it never would.
    stream.on('aborted', () => {
      if (stream.rstCode === constants.NGHTTP2_NO_ERROR) stream.destroy()
    })
    stream.on('wantTrailers', () => {
      stream.sendTrailers(statusHeaders(this.#status))
      this.#dismiss()
    })
  }

  /** Starts to read. `onMessage` gets each message with its size; `onEnd` comes when the client sends no more. */
  read(onMessage: (message: unknown, bytes: number) => void, onEnd: () => void): void {
    const reader = new FrameReader((payload) => {
      if (this.isOver) return
      if (payload.length > maxMessageBytes) {
        const what = `grpc: received message larger than max (${payload.length} vs. ${maxMessageBytes})`
        this.fail(new StatusError(grpcCode.resourceExhausted, what))
        return
      }
      onMessage(this.method.request.decode(payload), payload.length)
    }, maxCollectedBytes)
    this.#stream.on('data', (chunk: Buffer) => {
      if (this.isOver) return
      try {
        reader.push(chunk)
      } catch (error) {
        const { what } = error as EtcdError
        this.fail(new StatusError(grpcCode.internal, `grpc: error unmarshalling request: ${what}`))
      }
    })
    this.#stream.on('end', onEnd)
  }

  onDrain(listener: () => void): void {
    this.#stream.on('drain', listener)
  }

  onClose(listener: () => void): void {
    this.#stream.once('close', listener)
  }

  /** True when nothing can be sent any more. */
  get isOver(): boolean {
    return this.#stream.destroyed || this.#stream.closed || this.#stream.writableEnded
  }

  send(message: Init<unknown>): boolean {
    if (this.isOver) return true
    this.#open()
    return this.#stream.write(encodeFrame(this.method.response, message))
  }

  /** Sends the one answer and ends the call. */
  answer(message: Init<unknown>): void {
    if (this.isOver) return
    this.#open()
    this.#stream.end(encodeFrame(this.method.response, message))
  }

  end(): void {
    if (this.isOver) return
    this.#open()
    this.#stream.end()
  }

  /** Ends the call with an error: in the trailers, or in the only headers when nothing was sent. */
  fail(error: StatusError): void {
    if (this.isOver) return
    if (this.#stream.headersSent) {
      this.#status = error
      this.#stream.end()
    } else {
      this.#stream.respond({ ...responseHeaders, ...statusHeaders(error) }, { endStream: true })
      this.#dismiss()
    }
  }

  /** Breaks the call off without a word. */
  reset(): void {
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  }

  /** Tells a client that could still send that nobody listens; otherwise its half would stay open. */
  #dismiss(): void {
    if (this.#stream.readableEnded) return
    // Later, for the status has to leave first.
    setImmediate(() => this.#stream.close(constants.NGHTTP2_NO_ERROR))
  }

  #open(): void {
    if (!this.#stream.headersSent) this.#stream.respond(responseHeaders, { waitForTrailers: true })
  }
}
