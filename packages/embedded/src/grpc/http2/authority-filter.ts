import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { withTakenAuthority } from './authority.ts'
import { encodeHeaders } from './encode-headers.ts'
import { announcedLength, FRAME_FLAG, FRAME_TYPE, type Frame, PREFACE, readFrame } from './frames.ts'
import { HeaderBlock, MAX_BLOCK_BYTES } from './header-block.ts'
import { HpackDecoder } from './hpack-decoder.ts'

/** Table size that Node tells its clients by telling none, in bytes. */
export const TABLE_BYTES = 4096
/** No conforming client sends a longer frame, because the server announces a smaller maximum. */
export const MAX_FRAME_BYTES = 64 * 1024

/** Options of {@link AuthorityFilter}. */
export interface AuthorityFilterOptions {
  /** What was read of the connection so far, from its first byte on. */
  readonly seen: Buffer
  /** Whether a SETTINGS frame was sent that Node does not know of, so that its acknowledgement must not reach Node. */
  readonly isAckDue: boolean
}

/**
 * A connection as Node's HTTP/2 can take it: every header block a client sends is written anew, with an authority that
 * Node accepts and without HPACK's table, so that both ends stay of one mind about it. All else passes as it is.
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
      // What cannot be read cannot be passed on: the peer breaks the protocol, or our bounds.
      this.destroy()
    }
  }

  /** Takes all whole frames from what is there and gives what Node is to read. */
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

  /** What Node reads in place of the frame; undefined for nothing, now or at all. */
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
