import { EtcdError } from '../errors.ts'

const INITIAL_BYTES = 16 * 1024
/** A larger buffer is released after use, so that one large value does not stay in memory. */
const MAX_KEPT_BYTES = 256 * 1024

/**
 * Writes protobuf from the end of its buffer towards the start: the length of a nested message is known once
 * it is written, so one pass suffices and no size is computed twice. Callers therefore write fields in
 * reverse order.
 */
export class Writer {
  #buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES)
  #at = INITIAL_BYTES

  /** Discards everything written so far. */
  reset(): void {
    if (this.#buffer.length > MAX_KEPT_BYTES) this.#buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES)
    this.#at = this.#buffer.length
  }

  /** Bytes written so far. The difference of two reads is the length of what was written in between. */
  get length(): number {
    return this.#buffer.length - this.#at
  }

  /** Returns a copy of everything written. */
  take(): Buffer {
    const { length } = this
    const result = Buffer.allocUnsafe(length)
    this.#buffer.copy(result, 0, this.#at)
    return result
  }

  /** Writes a non-negative integer below 2^53. */
  varint(value: number): void {
    this.#reserve(10)
    const buffer = this.#buffer
    if (value < 0x80) {
      this.#at -= 1
      buffer[this.#at] = value
      return
    }
    let size = 2
    for (let rest = value / 0x4000; rest >= 1; rest /= 128) size += 1
    this.#at -= size
    let at = this.#at
    let rest = value
    while (rest >= 0x8000_0000) {
      buffer[at++] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    while (rest >= 0x80) {
      buffer[at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    buffer[at] = rest
  }

  /** Writes any integer that a double holds exactly; negative ones take ten bytes. */
  int64(value: number): void {
    if (!Number.isSafeInteger(value)) {
      throw new EtcdError('invalid_argument', { what: 'a number field is not an integer below 2^53' })
    }
    if (value >= 0) this.varint(value)
    else this.bigint(BigInt(value))
  }

  /** Writes an integer from -2^63 to 2^64 - 1. */
  bigint(value: bigint): void {
    const bits = BigInt.asUintN(64, value)
    if (bits !== value && BigInt.asIntN(64, value) !== value) {
      throw new EtcdError('invalid_argument', { what: 'an id does not fit into 64 bits' })
    }
    if (bits <= 0x1f_ffff_ffff_ffffn) {
      this.varint(Number(bits))
      return
    }
    this.#reserve(10)
    let size = 1
    for (let rest = bits >> 7n; rest > 0n; rest >>= 7n) size += 1
    this.#at -= size
    let rest = bits
    for (let at = this.#at; at < this.#at + size; at += 1) {
      const isLast = at === this.#at + size - 1
      this.#buffer[at] = Number(rest & 0x7fn) | (isLast ? 0 : 0x80)
      rest >>= 7n
    }
  }

  /** Writes bytes, or text as UTF-8, without a length. Returns the number of bytes. */
  bytes(value: string | Uint8Array): number {
    if (typeof value !== 'string') {
      this.#reserve(value.length)
      this.#at -= value.length
      this.#buffer.set(value, this.#at)
      return value.length
    }
    const length = value.length < 24 && this.#ascii(value) ? value.length : this.#utf8(value)
    return length
  }

  /** Writes four bytes, most significant first. */
  uint32BigEndian(value: number): void {
    this.#reserve(4)
    this.#at -= 4
    this.#buffer.writeUInt32BE(value, this.#at)
  }

  /**
   * Writes short ASCII text without a call into native code. Returns false, and writes nothing, for other
   * text.
   */
  #ascii(value: string): boolean {
    const { length } = value
    this.#reserve(length)
    const start = this.#at - length
    const buffer = this.#buffer
    for (let index = 0; index < length; index += 1) {
      const code = value.charCodeAt(index)
      if (code >= 0x80) return false
      buffer[start + index] = code
    }
    this.#at = start
    return true
  }

  #utf8(value: string): number {
    const length = Buffer.byteLength(value)
    this.#reserve(length)
    this.#at -= length
    this.#buffer.write(value, this.#at, length, 'utf8')
    return length
  }

  #reserve(count: number): void {
    if (this.#at >= count) return
    const { length } = this
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, length + count))
    const at = grown.length - length
    this.#buffer.copy(grown, at, this.#at)
    this.#buffer = grown
    this.#at = at
  }
}
