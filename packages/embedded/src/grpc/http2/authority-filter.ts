import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { withTakenAuthority } from './authority.ts'
import { encodeHeaders } from './encode-headers.ts'
import { announcedLength, FRAME_FLAG, FRAME_TYPE, type Frame, PREFACE, readFrame } from './frames.ts'
import { HeaderBlock, MAX_BLOCK_BYTES } from './header-block.ts'
import { HpackDecoder } from './hpack-decoder.ts'

/** HPACK table size in bytes; Node announces none, which means this default. */
export const TABLE_BYTES = 4096
/** The server announces a smaller maximum, so no conforming client sends a longer frame. */
export const MAX_FRAME_BYTES = 64 * 1024

/** Options of {@link AuthorityFilter}. */
export interface AuthorityFilterOptions {
  /** The bytes read from the connection so far. */
  readonly seen: Buffer
  /** Whether a SETTINGS frame was sent without Node, so that its acknowledgement must not reach Node. */
  readonly isAckDue: boolean
}

/**
 * Makes a connection acceptable for Node's HTTP/2: every header block from the client is re-encoded with an
 * authority that Node accepts, and without HPACK's dynamic table, so that the tables of both sides stay in
 * sync. Everything else is passed on unchanged.
 */
export class AuthorityFilter extends Duplex {
  readonly #socket: Socket
  readonly #hpack = new HpackDecoder(TABLE_BYTES, MAX_BLOCK_BYTES)
  #rest: Buffer = Buffer.alloc(0)
  #isPrefaceDue = true
  #isAckDue: boolean
  #block: HeaderBlock | undefined

  constructor(socket: Socket, { seen, isAckDue }: AuthorityFilterOptions) {
    super()
    this.#socket = socket
    this.#isAckDue = isAckDue
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('end', () => this.push(null))
    socket.on('close', () => this.destroy())
    this.#take(seen)
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done)
  }

  override _writev(parts: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#socket.write(Buffer.concat(parts.map(({ chunk }) => chunk)), done)
  }

  override _final(done: () => void): void {
    this.#socket.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }

  #take(chunk: Buffer): void {
    if (this.destroyed) return
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    try {
      const passed = this.#pass()
      if (passed.length > 0 && !this.push(Buffer.concat(passed))) this.#socket.pause()
    } catch {
      // An unreadable frame cannot be passed on: the peer violates the protocol or the limits of this server.
      this.destroy()
    }
  }

  /** Consumes all complete frames and returns the bytes for Node. */
  #pass(): Buffer[] {
    const passed: Buffer[] = []
    let at = 0
    if (this.#isPrefaceDue) {
      if (this.#rest.length < PREFACE.length) return passed
      passed.push(this.#rest.subarray(0, PREFACE.length))
      at = PREFACE.length
      this.#isPrefaceDue = false
    }
    for (let frame = readFrame(this.#rest, at); frame !== undefined; frame = readFrame(this.#rest, at)) {
      at += frame.bytes.length
      const bytes = this.#translate(frame)
      if (bytes !== undefined) passed.push(bytes)
    }
    if ((announcedLength(this.#rest, at) ?? 0) > MAX_FRAME_BYTES) throw new Error('A frame is too long')
    this.#rest = this.#rest.subarray(at)
    return passed
  }

  /** The bytes for Node instead of the frame; undefined for none. */
  #translate(frame: Frame): Buffer | undefined {
    if (this.#block !== undefined) this.#block.add(frame)
    else if (frame.type === FRAME_TYPE.headers) this.#block = new HeaderBlock(frame)
    else return this.#isSwallowed(frame) ? undefined : frame.bytes
    if (!this.#block.isWhole) return undefined
    const whole = this.#block
    this.#block = undefined
    return whole.withBlock(encodeHeaders(withTakenAuthority(this.#hpack.decode(whole.block))))
  }

  #isSwallowed({ type, flags }: Frame): boolean {
    if (!this.#isAckDue || type !== FRAME_TYPE.settings || (flags & FRAME_FLAG.ack) === 0) return false
    this.#isAckDue = false
    return true
  }
}
