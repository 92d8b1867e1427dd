import { EtcdError } from '../errors.ts'

/** Two to the 28th: four varint bytes carry 28 bits, which a double holds without loss. */
const BITS28 = 0x1000_0000

/**
 * Maximum depth of nested messages and groups; deeper input is refused because it could overflow the stack.
 * etcd accepts transactions nested 128 deep; each level takes two messages, and the innermost operation a few
 * more.
 */
const MAX_DEPTH = 300

function malformed(what: string): EtcdError {
  return new EtcdError('malformed_message', { what })
}

/**
 * How 64-bit numbers beyond 2^53, which a double cannot hold exactly, are decoded. A client refuses them,
 * since a rounded revision would be another revision. A server clamps them to the nearest safe integer,
 * since 2^63 - 1 is used to say "no limit".
 */
export type LargeNumbers = 'refuse' | 'clamp'

/**
 * A cursor over protobuf bytes. Every read is bounds-checked and throws an `EtcdError` with code
 * `malformed_message` when the bytes are invalid.
 */
export class Reader {
  readonly buffer: Buffer
  /** Offset of the next byte. */
  at: number
  #depth = 0
  readonly #largeNumbers: LargeNumbers

  constructor(buffer: Buffer, largeNumbers: LargeNumbers = 'refuse') {
    this.buffer = buffer
    this.#largeNumbers = largeNumbers
    this.at = 0
  }

  /** Reads a varint truncated to 32 bits, unsigned; for enums and booleans. */
  uint32(end: number): number {
    const { buffer } = this
    let at = this.at
    if (at < end) {
      const byte = buffer[at]!
      if (byte < 0x80) {
        this.at = at + 1
        return byte
      }
    }
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= end) throw malformed('a number is cut off')
      const byte = buffer[at++]!
      if (shift < 32) value |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        this.at = at
        return value >>> 0
      }
    }
    throw malformed('a number is longer than 10 bytes')
  }

  /**
   * Reads a tag or a length. Values of more than 32 bits are refused: truncated, they would look like other
   * values.
   */
  exact32(end: number): number {
    const start = this.at
    const value = this.uint32(end)
    const size = this.at - start
    const isLonger = size > 5 || (size === 5 && this.buffer[this.at - 1]! > 0x0f)
    if (isLonger) throw malformed('a tag or a length has more than 32 bits')
    return value
  }

  /** Reads the length of a field and checks that the field ends at or before `end`. */
  length(end: number): number {
    const length = this.exact32(end)
    if (length > end - this.at) throw malformed('a field is longer than its message')
    return length
  }

  /** Reads a 64-bit varint as a number. Values that a double cannot hold exactly are refused or clamped. */
  int64(end: number, isSigned: boolean): number {
    const { buffer } = this
    let at = this.at
    let low = 0
    for (let shift = 0; shift < 28; shift += 7) {
      if (at >= end) throw malformed('a number is cut off')
      const byte = buffer[at++]!
      low |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        this.at = at
        return low
      }
    }
    let middle = 0
    for (let shift = 0; shift < 21; shift += 7) {
      if (at >= end) throw malformed('a number is cut off')
      const byte = buffer[at++]!
      middle |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        this.at = at
        return low + middle * BITS28
      }
    }
    const value = Number(this.bigint(end, isSigned))
    if (Number.isSafeInteger(value)) return value
    if (this.#largeNumbers === 'refuse') throw malformed('a number is beyond 2^53')
    return value > 0 ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER
  }

  /** Reads a 64-bit varint without loss. */
  bigint(end: number, isSigned: boolean): bigint {
    const { buffer } = this
    let at = this.at
    let low = 0
    let high = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= end) throw malformed('a number is cut off')
      const byte = buffer[at++]!
      const bits = byte & 0x7f
      if (shift < 28) low |= bits << shift
      else if (shift === 28) {
        low |= bits << 28
        high = bits >> 4
      } else high |= bits << (shift - 32)
      if (byte < 0x80) {
        this.at = at
        const value = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)
        return isSigned ? BigInt.asIntN(64, value) : value
      }
    }
    throw malformed('a number is longer than 10 bytes')
  }

  /** Reads bytes. The result is a view of the input, not a copy, and keeps the whole input alive. */
  bytes(end: number): Buffer {
    const length = this.length(end)
    const start = this.at
    this.at = start + length
    return this.buffer.subarray(start, start + length)
  }

  string(end: number): string {
    const length = this.length(end)
    const start = this.at
    this.at = start + length
    return length === 0 ? '' : this.buffer.toString('utf8', start, start + length)
  }

  /** Skips the value of an unknown field. */
  skip(tag: number, end: number): void {
    switch (tag & 7) {
      case 0:
        this.#skipVarint(end)
        return
      case 1:
        this.#advance(8, end)
        return
      case 2:
        this.#advance(this.length(end), end)
        return
      case 3:
        this.#skipGroup(tag, end)
        return
      case 5:
        this.#advance(4, end)
        return
      default:
        throw malformed(`wire type ${tag & 7} does not exist here`)
    }
  }

  /** Counts one more level of nesting; every `enter` is followed by a `leave`. */
  enter(): void {
    this.#depth += 1
    if (this.#depth > MAX_DEPTH) throw malformed(`messages are nested deeper than ${MAX_DEPTH}`)
  }

  leave(): void {
    this.#depth -= 1
  }

  #advance(count: number, end: number): void {
    if (count > end - this.at) throw malformed('a field is longer than its message')
    this.at += count
  }

  #skipVarint(end: number): void {
    const last = Math.min(end, this.at + 10)
    while (this.at < last) if (this.buffer[this.at++]! < 0x80) return
    throw malformed('a number is cut off or longer than 10 bytes')
  }

  #skipGroup(start: number, end: number): void {
    this.enter()
    for (;;) {
      const tag = this.exact32(end)
      if ((tag & 7) === 4) {
        if (tag >>> 3 !== start >>> 3) throw malformed('a group is closed by another one')
        this.leave()
        return
      }
      this.skip(tag, end)
    }
  }
}
