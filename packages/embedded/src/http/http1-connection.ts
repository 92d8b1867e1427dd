import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/** How much Node's parser receives at once, in bytes: that many bytes of waiting requests become objects. */
const PIECE_BYTES = 4096
/** The socket is not read while more than this is held of what the client has sent, in bytes. */
const MAX_HELD_BYTES = 16 * 1024

/**
 * A connection over HTTP/1.1 whose requests are handled one after the other, as by Go's server: one starts when the
 * response to the one before it is sent. Node starts them as they arrive and puts only their responses in order.
 *
 * Of a client that sends ahead no more is read than a bounded number of bytes. As in etcd, a client that ends its side
 * while a request is in progress is gone: that request is cancelled, and those behind it are dropped.
 */
export class Http1Connection extends Duplex {
  readonly #socket: Socket
  /** The response to the request in progress. */
  #current: ServerResponse | undefined
  /** What to do for the requests that wait. */
  #waiting: (() => void)[] = []
  /** Bytes that the parser has not received yet. */
  #held: Buffer = Buffer.alloc(0)
  #isWanted = false
  #isEnded = false

  constructor(socket: Socket) {
    super({ readableHighWaterMark: PIECE_BYTES })
    this.#socket = socket
    // What is sent behind the client's end is still written.
    socket.allowHalfOpen = true
    socket.on('data', (chunk: Buffer) => this.#hold(chunk))
    socket.on('end', () => {
      this.#isEnded = true
      this.#leaveSoon()
    })
    socket.on('close', () => this.destroy())
    socket.resume()
  }

  /** Calls `start` when the responses to the requests before this one are sent; never, if the client goes away. */
  enqueue(response: ServerResponse, start: () => void): void {
    this.#waiting.push(() => {
      this.#current = response
      // Deferred, so that other connections take turns with one that has sent many requests.
      response.once('close', () => setImmediate(() => this.#next()))
      start()
    })
    if (this.#current === undefined) this.#startNext()
    if (this.#isEnded) this.#leaveSoon()
  }

  /** Ends the connection for bytes that are not HTTP, in their turn: with `answer`, unless a response has begun. */
  refuse(answer: string): void {
    const refuseNow = (): void => {
      if (this.#current?.headersSent !== true) this.write(answer)
      this.destroySoon()
    }
    if (this.#isFull) this.#waiting.push(refuseNow)
    else refuseNow()
  }

  /** Destroys the connection when what was written is sent. Node calls this behind the last response. */
  destroySoon(): void {
    this.end(() => this.destroy())
  }

  override _read(): void {
    this.#isWanted = true
    this.#feed()
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done)
  }

  override _writev(parts: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#socket.write(Buffer.concat(parts.map(({ chunk }) => chunk)), done)
  }

  override _final(done: () => void): void {
    this.#socket.end(() => done())
  }

  override _destroy(_error: Error | null, done: () => void): void {
    this.#waiting = []
    this.#socket.destroy()
    done()
  }

  /** Whether the request in progress has been read as a whole, or one waits: then nothing more is parsed. */
  get #isFull(): boolean {
    const request: IncomingMessage | undefined = this.#current?.req
    return this.#waiting.length > 0 || request?.complete === true
  }

  #next(): void {
    this.#current = undefined
    this.#startNext()
    this.#feed()
  }

  #startNext(): void {
    this.#waiting.shift()?.()
  }

  #hold(chunk: Buffer): void {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    if (this.#held.length > MAX_HELD_BYTES) this.#socket.pause()
    this.#feed()
  }

  /** Passes a piece on, or the client's end, if the parser may receive it. */
  #feed(): void {
    if (!this.#isWanted || !this.writable) return
    if (this.#isFull) {
      if (this.#isEnded) this.#leaveSoon()
    } else if (this.#held.length > 0) {
      this.#isWanted = false
      this.push(this.#take())
    } else if (this.#isEnded) {
      this.push(null)
    }
  }

  #take(): Buffer {
    const piece = this.#held.subarray(0, PIECE_BYTES)
    this.#held = this.#held.subarray(piece.length)
    if (this.#held.length <= MAX_HELD_BYTES && this.#socket.isPaused()) this.#socket.resume()
    return piece
  }

  /** Deferred, so that a request that came together with the client's end may be answered. */
  #leaveSoon(): void {
    setImmediate(() => {
      if (this.#isFull) this.destroySoon()
      else this.#feed()
    })
  }
}
