import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { type EtcdError, encodeFrame, FrameReader, type Init, type Method } from '@livetree/etcd/wire'
import { ETCD_ERROR, GRPC_CODE, StatusError } from '../status.ts'
import { type Admission, RefusedCall } from './admit-call.ts'
import { larger, MAX_MESSAGE_BYTES } from './message-size.ts'
import type { ServerCall } from './service.ts'
import { statusHeaders, statusOf } from './status-headers.ts'

const RESPONSE_HEADERS = { ':status': 200, 'content-type': 'application/grpc' } as const

/** Size of the header of a gRPC frame, in bytes. */
const FRAME_HEADER_BYTES = 5

/** The error for an unreadable message, with the text of gRPC's Go server where it has one. */
function unreadable(error: unknown): StatusError {
  const { what = String(error) } = error as EtcdError
  const [, length] = /^the message has (\d+) bytes/.exec(what) ?? []
  if (length !== undefined) return larger(length)
  // Only transactions nest, and one nested this deep exceeds the limit of operations.
  if (what.startsWith('messages are nested deeper')) return ETCD_ERROR.tooManyOperations()
  const [, flag] = /^the frame's flag is (\d+)$/.exec(what) ?? []
  if (flag !== undefined) {
    return new StatusError(GRPC_CODE.internal, `grpc: received unexpected payload format ${flag}`)
  }
  return what === 'the message is compressed'
    ? new StatusError(GRPC_CODE.internal, 'grpc: compressed flag set with identity or empty encoding')
    : new StatusError(GRPC_CODE.internal, `grpc: error unmarshalling request: ${what}`)
}

/**
 * Notifies a client that could still send that nothing is read any more; otherwise its side would stay open.
 */
function dismiss(stream: ServerHttp2Stream): void {
  if (stream.readableEnded) return
  // Deferred, because the status has to be sent first.
  setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR))
}

/**
 * True while something can still be sent. A peer can close the stream in the packet that opens it: Node then
 * emits a stream that is `closed` and throws when it is answered.
 */
export function isAnswerable(stream: ServerHttp2Stream): boolean {
  return !stream.destroyed && !stream.closed && !stream.writableEnded
}

/** Runs work on a stream. An exception ends that stream and nothing else. */
export function guardStream(stream: ServerHttp2Stream, work: () => void): void {
  try {
    work()
  } catch {
    stream.destroy()
  }
}

/** Ends a stream that is not a valid call. */
export function refuseStream(stream: ServerHttp2Stream, error: StatusError): void {
  if (!isAnswerable(stream)) return
  const status = error instanceof RefusedCall ? error.httpStatus : RESPONSE_HEADERS[':status']
  stream.respond({ ...RESPONSE_HEADERS, ':status': status, ...statusHeaders(error) }, { endStream: true })
  stream.resume()
  dismiss(stream)
}

/** One gRPC call on its HTTP/2 stream: messages in, messages out, a status at the end. */
export class Call implements ServerCall {
  readonly method: Method<unknown, unknown>
  readonly requiresLeader: boolean
  readonly #stream: ServerHttp2Stream
  readonly #contentType: string
  #status: StatusError | undefined

  constructor(
    method: Method<unknown, unknown>,
    stream: ServerHttp2Stream,
    { contentType }: Admission,
    requiresLeader: boolean,
  ) {
    this.#contentType = contentType
    this.method = method
    this.requiresLeader = requiresLeader
    this.#stream = stream
    // When a client resets a stream with code 0, Node waits for the server's side to end, which would never
    // happen.
    stream.on('aborted', () => {
      if (stream.rstCode === constants.NGHTTP2_NO_ERROR) stream.destroy()
    })
    this.#on('wantTrailers', () => {
      stream.sendTrailers(statusHeaders(this.#status))
      dismiss(stream)
    })
    // If a client does not read its responses, its requests are not read either; otherwise responses would
    // accumulate.
    stream.on('drain', () => stream.resume())
  }

  read(onMessage: (message: unknown, bytes: number) => void, onEnd: () => void): void {
    this.#read(onMessage, onEnd, Number.POSITIVE_INFINITY)
  }

  /** A call that ends before its message is refused with "EOF". */
  readOne(onMessage: (message: unknown, bytes: number) => void): void {
    this.#read(onMessage, () => {}, 1)
  }

  #read(onMessage: (message: unknown, bytes: number) => void, onEnd: () => void, wanted: number): void {
    let taken = 0
    let received = 0
    const reader = new FrameReader((payload) => {
      if (this.isOver || taken === wanted) return
      const message = this.method.request.decode(payload, 'clamp')
      taken += 1
      onMessage(message, payload.length)
    }, MAX_MESSAGE_BYTES)
    this.#on('data', (chunk: Buffer) => {
      if (this.isOver || taken === wanted) return
      received += chunk.length
      try {
        reader.push(chunk)
      } catch (error) {
        if (taken < wanted) this.fail(unreadable(error))
      }
    })
    this.#on('end', () => {
      if (wanted === 1 && taken === 0) {
        const what = received < FRAME_HEADER_BYTES ? 'EOF' : 'unexpected EOF'
        this.fail(new StatusError(GRPC_CODE.unknown, what))
      } else if (wanted > 1 && !reader.isAtBoundary) {
        this.fail(new StatusError(GRPC_CODE.internal, 'unexpected EOF'))
      } else {
        onEnd()
      }
    })
  }

  onDrain(listener: () => void): void {
    this.#on('drain', listener)
  }

  onClose(listener: () => void): void {
    this.#on('close', listener)
  }

  /** True if nothing can be sent any more. */
  get isOver(): boolean {
    return !isAnswerable(this.#stream)
  }

  send(message: Init<unknown>): boolean {
    if (this.isOver) return true
    this.#open()
    const hasRoom = this.#stream.write(encodeFrame(this.method.response, message))
    if (!hasRoom) this.#stream.pause()
    return hasRoom
  }

  answer(message: Init<unknown>): void {
    if (this.isOver) return
    this.#open()
    this.#stream.end(encodeFrame(this.method.response, message))
  }

  /** Ends the call with status OK. Unread data is discarded, because a paused stream would never close. */
  end(): void {
    if (this.isOver) return
    this.#open()
    this.#stream.end()
    this.#stream.resume()
  }

  /** Ends the call with an error: in the trailers, or in the headers if nothing was sent yet. */
  fail(cause: unknown): void {
    if (this.isOver) return
    const error = statusOf(cause)
    if (this.#stream.headersSent) {
      this.#status = error
      this.#stream.end()
      this.#stream.resume()
    } else {
      this.#stream.respond({ ...this.#responseHeaders(), ...statusHeaders(error) }, { endStream: true })
      dismiss(this.#stream)
    }
  }

  /** Resets the stream without a status. */
  reset(): void {
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR)
    this.#stream.resume()
  }

  #on<A extends unknown[]>(event: string, listener: (...args: A) => void): void {
    this.#stream.on(event, (...args: unknown[]) => {
      guardStream(this.#stream, () => listener(...(args as A)))
    })
  }

  #responseHeaders(): OutgoingHttpHeaders {
    return this.#contentType === RESPONSE_HEADERS['content-type']
      ? RESPONSE_HEADERS
      : { ...RESPONSE_HEADERS, 'content-type': this.#contentType }
  }

  #open(): void {
    if (this.#stream.headersSent) return
    this.#stream.respond(this.#responseHeaders(), { waitForTrailers: true })
  }
}
