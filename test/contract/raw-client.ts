import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
  type SecureClientSessionOptions,
} from 'node:http2'
import { encodeFrame, FrameReader, type Init, type Method } from '@livetree/etcd/wire'
import { type CallClient, type CallStream, type Metadata, RawStatus } from './call-client.ts'

/**
 * The plainest gRPC client: no retries, no translation, no limits. Contract tests use it so that what they see is the
 * server, not the cleverness of a client.
 */
export class RawClient implements CallClient {
  readonly #session: ClientHttp2Session
  readonly #closed: Promise<void>

  constructor(endpoint: string, tls: SecureClientSessionOptions = {}) {
    this.#session = connect(endpoint, { ...tls, settings: { initialWindowSize: 8 * 1024 * 1024 } })
    this.#session.on('error', () => {})
    this.#closed = new Promise((resolve) => this.#session.once('close', () => resolve()))
  }

  /** Resolves when the connection is gone. */
  get closed(): Promise<void> {
    return this.#closed
  }

  /** One call; rejects with `RawStatus` when it ends with anything but OK. */
  async call<Req, Res>(method: Method<Req, Res>, request: Init<Req>, metadata?: Metadata): Promise<Res> {
    const messages = await this.send(method.path, encodeFrame(method.request, request), metadata)
    if (messages.length !== 1) throw new Error(`${method.path} answered with ${messages.length} messages`)
    return method.response.decode(messages[0]!)
  }

  /** Sends bytes as they are, in the given pieces, and gives the bytes of the answer's messages. */
  async send(path: string, body: Buffer | readonly Buffer[], metadata?: Metadata): Promise<Buffer[]> {
    const stream = this.request(path, metadata)
    const messages: Buffer[] = []
    const reader = new FrameReader((payload) => messages.push(payload))
    stream.on('data', (chunk: Buffer) => reader.push(chunk))
    const ended = statusOf(stream)
    // it may break while it is still written to; whoever waits below is told
    ended.catch(() => {})
    for (const piece of Array.isArray(body) ? body : [body]) await written(stream, piece)
    stream.end()
    const status = await ended
    if (status.code !== 0) throw status
    return messages
  }

  /** Opens a call on which both sides stream. */
  open<Req, Res>(method: Method<Req, Res>, metadata?: Metadata): RawStream<Req, Res> {
    return new RawStream(method, this.request(method.path, metadata))
  }

  request(path: string, metadata: Metadata = {}): ClientHttp2Stream {
    return this.#session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...metadata,
    })
  }

  async close(): Promise<void> {
    this.#session.destroy()
    await this.#closed
  }
}

const written = (stream: ClientHttp2Stream, bytes: Buffer): Promise<void> =>
  new Promise((resolve) => stream.write(bytes, () => resolve()))

/** Settles with the call's status; rejects when the stream breaks without one. */
const statusOf = (stream: ClientHttp2Stream): Promise<RawStatus> =>
  new Promise((resolve, reject) => {
    let broken: Error | undefined
    let status: RawStatus | undefined
    const read = (headers: IncomingHttpHeaders, place: RawStatus['place']): void => {
      const code = headers['grpc-status']
      if (code === undefined) return
      status = new RawStatus(Number(code), decodeURIComponent(String(headers['grpc-message'] ?? '')), place)
    }
    stream.on('response', (headers) => read(headers, 'headers'))
    stream.on('trailers', (headers) => read(headers, 'trailers'))
    stream.on('error', (error) => {
      broken = error
    })
    stream.on('close', () => {
      if (status !== undefined) resolve(status)
      else reject(broken ?? new Error('The stream ended without a status'))
    })
  })

const defaultTimeoutMs = 15_000

/** A duplex call whose answers wait in a queue. */
export class RawStream<Req, Res> implements CallStream<Req, Res> {
  /** How the call ended. Never settles while it is open. */
  readonly status: Promise<RawStatus>
  readonly #method: Method<Req, Res>
  readonly #stream: ClientHttp2Stream
  readonly #arrived: Res[] = []
  #wake: (() => void) | undefined
  #end: Error | undefined

  constructor(method: Method<Req, Res>, stream: ClientHttp2Stream) {
    this.#method = method
    this.#stream = stream
    const reader = new FrameReader((payload) => {
      this.#arrived.push(method.response.decode(payload))
      this.#wake?.()
    })
    stream.on('data', (chunk: Buffer) => reader.push(chunk))
    this.status = statusOf(stream)
    const ended = (end: Error): void => {
      this.#end = end
      this.#wake?.()
    }
    this.status.then(ended, ended)
  }

  send(message: Init<Req>): void {
    this.#stream.write(encodeFrame(this.#method.request, message))
  }

  /** Sends bytes as they are. */
  sendBytes(bytes: Buffer): void {
    this.#stream.write(bytes)
  }

  /** Stops to take answers in, so that the server has to hold them. */
  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  /** The next answer. Rejects when there is none within the time, or with how the call ended. */
  async next(timeoutMs = defaultTimeoutMs): Promise<Res> {
    if (this.#arrived.length === 0 && this.#end === undefined) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#wake = undefined
    }
    const message = this.#arrived.shift()
    if (message !== undefined) return message
    throw this.#end ?? new Error(`${this.#method.path} sent nothing within ${timeoutMs} ms`)
  }

  /** Answers that have come and were not asked for yet. */
  get waiting(): number {
    return this.#arrived.length
  }

  /** Half-close: no more messages from us. */
  end(): void {
    this.#stream.end()
  }

  /** Breaks the call off, with one of HTTP/2's codes. */
  reset(code?: number): void {
    this.#stream.close(code)
  }

  /** Breaks the call off as undici does: with code 0, and without a half-close before it. */
  drop(): void {
    this.#stream.destroy()
  }
}
