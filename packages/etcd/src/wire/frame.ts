import { EtcdError } from '../errors.ts'
import type { MessageType, Init } from './message-type.ts'
import { freshWriter } from './message.ts'

/** Size of the header of a gRPC frame: one flag byte and a length of four bytes. */
const HEADER_BYTES = 5

/** Largest message a `FrameReader` accepts by default, in bytes: 1 GiB. */
export const DEFAULT_MAX_FRAME_BYTES = 1024 * 1024 * 1024

/** Encodes one message as a gRPC frame: flag 0 (not compressed), the length in four bytes, the message. */
export function encodeFrame<T>(type: MessageType<T>, value: Init<T>): Buffer {
  const writer = freshWriter()
  type.write(writer, value)
  writer.uint32BigEndian(writer.length)
  writer.varint(0)
  return writer.take()
}

/** Wraps an encoded message in a gRPC frame. */
export function frameOf(payload: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(HEADER_BYTES + payload.length)
  framed[0] = 0
  framed.writeUInt32BE(payload.length, 1)
  framed.set(payload, HEADER_BYTES)
  return framed
}

/**
 * Splits a stream of chunks into gRPC messages, wherever chunks end. A message within one chunk is passed on
 * as a view of the chunk; a message that spans several chunks is joined once, when its last byte has arrived.
 */
export class FrameReader {
  readonly #onFrame: (payload: Buffer) => void
  readonly #maxBytes: number
  #parts: Buffer[] = []
  #held = 0
  /** Size in bytes of the first incomplete frame, header included; 0 while its header is incomplete. */
  #wanted = 0

  /** Calls `onFrame` synchronously from `push`, in order, once per message. */
  constructor(onFrame: (payload: Buffer) => void, maxBytes: number = DEFAULT_MAX_FRAME_BYTES) {
    this.#onFrame = onFrame
    this.#maxBytes = maxBytes
  }

  /** True between frames, where the end of the stream cuts no message off. */
  get isAtBoundary(): boolean {
    return this.#held === 0
  }

  /**
   * @throws EtcdError `malformed_message` for a compressed frame, `response_too_large` for one above the
   * limit
   */
  push(chunk: Buffer): void {
    if (this.#held === 0) {
      this.#drain(chunk)
      return
    }
    this.#parts.push(chunk)
    this.#held += chunk.length
    if (this.#wanted === 0 && this.#held >= HEADER_BYTES) {
      this.#wanted = this.#measure(this.#joined(), 0)
    }
    if (this.#wanted === 0 || this.#held < this.#wanted) return
    const joined = this.#joined()
    this.#parts = []
    this.#held = 0
    this.#wanted = 0
    this.#drain(joined)
  }

  /** Passes on every complete frame of a chunk and keeps the rest. */
  #drain(chunk: Buffer): void {
    let at = 0
    while (chunk.length - at >= HEADER_BYTES) {
      const wanted = this.#measure(chunk, at)
      if (chunk.length - at < wanted) {
        this.#keep(chunk.subarray(at), wanted)
        return
      }
      const start = at + HEADER_BYTES
      at += wanted
      this.#onFrame(chunk.subarray(start, at))
    }
    if (at < chunk.length) this.#keep(chunk.subarray(at), 0)
  }

  #keep(rest: Buffer, wanted: number): void {
    this.#parts = [rest]
    this.#held = rest.length
    this.#wanted = wanted
  }

  /** What is held, in one piece. */
  #joined(): Buffer {
    const [first, ...others] = this.#parts
    if (first !== undefined && others.length === 0) return first
    const joined = Buffer.concat(this.#parts, this.#held)
    this.#parts = [joined]
    return joined
  }

  #measure(buffer: Buffer, at: number): number {
    if (buffer[at] !== 0) {
      const what = buffer[at] === 1 ? 'the message is compressed' : `the frame's flag is ${buffer[at]}`
      throw new EtcdError('malformed_message', { what })
    }
    const length = buffer.readUInt32BE(at + 1)
    if (length > this.#maxBytes) {
      const what = `the message has ${length} bytes, the limit is ${this.#maxBytes}`
      throw new EtcdError('response_too_large', { what })
    }
    return HEADER_BYTES + length
  }
}
