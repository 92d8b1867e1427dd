import { EtcdError } from './errors.ts'

/** A key or value: bytes, or text as UTF-8. */
export type Bytes = string | Uint8Array

/** Which keys are meant. Order is by bytes. */
export type KeyRange =
  /** One key. */
  | { readonly key: Bytes }
  /** All keys that begin so; an empty prefix means all keys. */
  | { readonly prefix: Bytes }
  /** From a key on, up to another one (not included) or to the end. */
  | { readonly from: Bytes; readonly to?: Bytes }

/** A range as it goes over the wire. An empty `rangeEnd` means one key, a single zero byte "to the end". */
export interface WireRange {
  readonly key: Bytes
  readonly rangeEnd: Bytes
}

const toTheEnd = Buffer.of(0)
const noEnd = Buffer.alloc(0)

/** Bytes of a key; text is read as UTF-8. */
export const bytesOf = (value: Bytes): Buffer =>
  typeof value === 'string'
    ? Buffer.from(value)
    : Buffer.isBuffer(value)
      ? value
      : Buffer.from(value.buffer, value.byteOffset, value.byteLength)

/** The first key after all keys with this prefix; a single zero byte, "to the end", when there is none. */
export const prefixEnd = (prefix: Bytes): Buffer => {
  const bytes = bytesOf(prefix)
  let length = bytes.length
  while (length > 0 && bytes[length - 1] === 0xff) length -= 1
  if (length === 0) return toTheEnd
  const end = Buffer.from(bytes.subarray(0, length))
  end[length - 1]! += 1
  return end
}

/** The smallest key after this one. */
export const keyAfter = (key: Uint8Array): Buffer => {
  const next = Buffer.allocUnsafe(key.length + 1)
  next.set(key)
  next[key.length] = 0
  return next
}

/**
 * Puts all keys of a client under one prefix, ranges and their ends included, and takes it off again.
 * Without a namespace nothing is copied.
 */
export class Namespace {
  readonly prefix: Buffer
  readonly #end: Buffer

  /** `prefix` may be empty. */
  constructor(prefix: Bytes = '') {
    this.prefix = bytesOf(prefix)
    this.#end = prefixEnd(this.prefix)
  }

  /** A key as the store knows it. Throws `invalid_argument` for an empty one. */
  key(key: Bytes): Bytes {
    if (key.length === 0) throw new EtcdError('invalid_argument', { what: 'the key is empty' })
    return this.#under(key)
  }

  /** A range as the store knows it. */
  range(range: KeyRange): WireRange {
    if ('key' in range) return { key: this.key(range.key), rangeEnd: noEnd }
    if ('prefix' in range) return this.#prefixRange(range.prefix)
    const start = range.from.length === 0 && this.prefix.length === 0 ? toTheEnd : this.#under(range.from)
    return { key: start, rangeEnd: range.to === undefined ? this.#end : this.#upTo(range.to) }
  }

  /** A key as the caller knows it, from one as the store knows it. */
  strip(key: Buffer): Buffer {
    return this.prefix.length === 0 ? key : key.subarray(this.prefix.length)
  }

  #prefixRange(prefix: Bytes): WireRange {
    if (prefix.length === 0)
      return { key: this.prefix.length === 0 ? toTheEnd : this.prefix, rangeEnd: this.#end }
    const key = this.#under(prefix)
    return { key, rangeEnd: prefixEnd(key) }
  }

  /** An empty end would mean "one key" on the wire, so it is refused. */
  #upTo(end: Bytes): Bytes {
    if (end.length === 0) throw new EtcdError('invalid_argument', { what: 'the end of the range is empty' })
    return this.#under(end)
  }

  #under(key: Bytes): Bytes {
    return this.prefix.length === 0 ? key : Buffer.concat([this.prefix, bytesOf(key)])
  }
}
