import { FRAME_FLAG, FRAME_HEADER_BYTES, FRAME_TYPE, type Frame, writeFrame } from './frames.ts'

/** Maximum size of a header block in bytes. */
export const MAX_BLOCK_BYTES = 64 * 1024
/** A frame size that every peer accepts, in bytes. */
const MAX_FRAME_BYTES = 16 * 1024
/** Size of a dependency and a weight. */
const PRIORITY_BYTES = 5

/** An invalid HEADERS frame, or an invalid continuation. */
export class FrameError extends Error {}

/** A HEADERS frame and the CONTINUATION frames that follow it, collected until the block is complete. */
export class HeaderBlock {
  readonly #flags: number
  readonly #streamId: number
  readonly #priority: Buffer
  readonly #parts: Buffer[]
  #bytes: number
  #isWhole: boolean

  /** @throws FrameError if padding or priority do not fit into the frame */
  constructor({ flags, streamId, payload }: Frame) {
    const isPadded = (flags & FRAME_FLAG.padded) !== 0
    const padding = isPadded ? (payload[0] ?? 0) : 0
    const start = isPadded ? 1 : 0
    const block = start + ((flags & FRAME_FLAG.priority) === 0 ? 0 : PRIORITY_BYTES)
    if (block + padding > payload.length)
      throw new FrameError('padding and priority are longer than the frame')
    this.#flags = flags
    this.#streamId = streamId
    this.#priority = payload.subarray(start, block)
    const part = payload.subarray(block, payload.length - padding)
    this.#parts = [part]
    this.#bytes = part.length
    this.#isWhole = (flags & FRAME_FLAG.endHeaders) !== 0
  }

  get isWhole(): boolean {
    return this.#isWhole
  }

  get block(): Buffer {
    return Buffer.concat(this.#parts)
  }

  /** @throws FrameError if the frame is not a continuation, or the block grows too large */
  add({ type, flags, streamId, payload }: Frame): void {
    if (type !== FRAME_TYPE.continuation || streamId !== this.#streamId) {
      throw new FrameError('a header block is interrupted')
    }
    // Counts the frame headers, so that a series of empty frames reaches the limit, too.
    this.#bytes += payload.length + FRAME_HEADER_BYTES
    if (this.#bytes > MAX_BLOCK_BYTES) throw new FrameError('a header block is too large')
    this.#parts.push(payload)
    this.#isWhole = (flags & FRAME_FLAG.endHeaders) !== 0
  }

  /** Encodes the frames again with another block, without padding. */
  withBlock(block: Buffer): Buffer {
    const rest = Buffer.concat([this.#priority, block])
    const frames: Buffer[] = []
    for (let at = 0; at === 0 || at < rest.length; at += MAX_FRAME_BYTES) {
      const payload = rest.subarray(at, at + MAX_FRAME_BYTES)
      const endHeaders = at + MAX_FRAME_BYTES >= rest.length ? FRAME_FLAG.endHeaders : 0
      const kept = this.#flags & (FRAME_FLAG.endStream | FRAME_FLAG.priority)
      frames.push(
        at === 0
          ? writeFrame(FRAME_TYPE.headers, kept | endHeaders, this.#streamId, payload)
          : writeFrame(FRAME_TYPE.continuation, endHeaders, this.#streamId, payload),
      )
    }
    return Buffer.concat(frames)
  }
}
