import type { Bytes } from './bytes.ts'
import type { KeyRange } from './key-range-form.ts'
import { BYTES, checkBytes, refuseArgument } from './check-argument.ts'
import { shown } from './refuse-option.ts'

/** A range as it is encoded. An empty `rangeEnd` means one key, a single zero byte means no end. */
export interface WireRange {
  readonly key: Bytes
  readonly rangeEnd: Bytes
}

const TO_THE_END = Buffer.of(0)
const NO_END = Buffer.alloc(0)
/** Start and end of an empty range that means neither "one key" nor "no end". */
const NOTHING = Buffer.of(0, 0)

/** The bytes of a key; text is encoded as UTF-8. */
export function bytesOf(value: Bytes): Buffer {
  return typeof value === 'string'
    ? Buffer.from(value)
    : Buffer.isBuffer(value)
      ? value
      : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

/**
 * Returns text unchanged and copies bytes, for a call that may send them again.
 *
 * @throws EtcdError `invalid_argument` for anything else
 */
export function copyOf(name: string, value: Bytes): Bytes {
  checkBytes(name, value)
  return typeof value === 'string' ? value : Buffer.from(value)
}

/** Copies bytes, so that later changes by their owner have no effect. Returns anything else unchanged. */
export function held<T>(value: T): T {
  return typeof value !== 'string' && BYTES.accepts(value)
    ? (Buffer.from(value as Uint8Array) as Uint8Array as T)
    : value
}

/**
 * Copies a range, so that later changes by its owner have no effect.
 *
 * @throws EtcdError `invalid_argument` if it cannot be read
 */
export function heldRange(range: KeyRange): KeyRange {
  const parts = Object.entries(partsOf(range)).map(([name, part]) => [name, held(part)])
  return Object.fromEntries(parts) as KeyRange
}

/** The first key after all keys with this prefix; a single zero byte ("no end") if there is none. */
export function prefixEnd(prefix: Bytes): Buffer {
  const bytes = bytesOf(prefix)
  let length = bytes.length
  while (length > 0 && bytes[length - 1] === 0xff) length -= 1
  if (length === 0) return TO_THE_END
  const end = Buffer.from(bytes.subarray(0, length))
  end[length - 1]! += 1
  return end
}

/** The smallest key after this one. */
export function keyAfter(key: Uint8Array): Buffer {
  const next = Buffer.allocUnsafe(key.length + 1)
  next.set(key)
  next[key.length] = 0
  return next
}

/** True for a range that can contain no key. */
export function isEmptyRange({ key, rangeEnd }: WireRange): boolean {
  if (rangeEnd.length === 0) return false
  const end = bytesOf(rangeEnd)
  return !end.equals(TO_THE_END) && Buffer.compare(end, bytesOf(key)) <= 0
}

/**
 * Returns the range.
 *
 * @throws EtcdError `invalid_argument` for a range that can contain no key, which must be a mistake
 */
export function assertHoldsKeys(range: WireRange, call: string): WireRange {
  if (!isEmptyRange(range)) return range
  throw refuseArgument('the range is empty: its end is not after its start', call)
}

const PARTS = ['key', 'prefix', 'from', 'to'] as const

type Parts = { readonly [K in (typeof PARTS)[number]]?: unknown }

/**
 * Reads the parts of a range once.
 *
 * @throws EtcdError `invalid_argument`
 */
function partsOf(range: unknown): Parts {
  if (typeof range !== 'object' || range === null) {
    throw refuseArgument(`the range is ${shown(range)}, not { key }, { prefix } or { from, to }`)
  }
  try {
    const given = PARTS.filter((name) => name in range)
    return Object.fromEntries(given.map((name) => [name, Reflect.get(range, name)]))
  } catch (cause) {
    throw refuseArgument('the range cannot be read', undefined, cause)
  }
}

/**
 * Returns which of the three forms a range has.
 *
 * @throws EtcdError `invalid_argument` for an ambiguous range, which must not silently become a wider one
 */
function kindOf(parts: Parts): 'key' | 'prefix' | 'from' {
  const given = (['key', 'prefix', 'from'] as const).filter((name) => name in parts)
  const [kind] = given
  if (kind === undefined || given.length > 1) {
    const what = kind === undefined ? 'names no keys' : `has ${given.join(' and ')}`
    throw refuseArgument(`the range ${what}: give exactly one of key, prefix and from`)
  }
  if ('to' in parts && kind !== 'from') {
    throw refuseArgument(`the range has to, which belongs to from, not ${kind}`)
  }
  return kind
}

/**
 * Adds the client's prefix to keys and range ends, and removes it from received keys. All ranges are encoded
 * here. Bytes are copied, so that later changes by their owner have no effect.
 */
export class Namespace {
  readonly prefix: Buffer
  readonly #end: Buffer

  /** `prefix` may be empty. */
  constructor(prefix: Bytes = '') {
    checkBytes('the namespace', prefix)
    this.prefix = Buffer.from(bytesOf(prefix))
    this.#end = prefixEnd(this.prefix)
  }

  /**
   * A key as the store knows it.
   *
   * @throws EtcdError `invalid_argument` for an empty key and for anything but text or bytes
   */
  key(key: Bytes): Bytes {
    checkBytes('the key', key)
    if (key.length === 0) throw refuseArgument('the key is empty')
    return this.#under(key)
  }

  /**
   * A range as the store knows it, never wider than the given one.
   *
   * @throws EtcdError `invalid_argument`
   */
  range(range: KeyRange): WireRange {
    const parts = partsOf(range)
    const kind = kindOf(parts)
    const start = parts[kind]
    if (kind === 'key') return { key: this.key(start as Bytes), rangeEnd: NO_END }
    checkBytes(`${kind} of the range`, start)
    if (kind === 'prefix') return this.#prefixRange(start)
    return 'to' in parts ? this.#between(start, parts.to) : { key: this.#start(start), rangeEnd: this.#end }
  }

  /** Removes the prefix from a key of the store. */
  strip(key: Buffer): Buffer {
    return this.prefix.length === 0 ? key : key.subarray(this.prefix.length)
  }

  #prefixRange(prefix: Bytes): WireRange {
    if (prefix.length === 0) return { key: this.#start(prefix), rangeEnd: this.#end }
    const key = this.#under(prefix)
    return { key, rangeEnd: prefixEnd(key) }
  }

  /**
   * Avoids the two ends with a special meaning: an empty one ("one key") and a single zero byte ("no end").
   */
  #between(from: Bytes, to: unknown): WireRange {
    checkBytes('to of the range', to)
    if (to.length === 0) throw refuseArgument('the end of the range is empty; leave `to` out for no end')
    const start = this.#start(from)
    const end = this.#under(to)
    if (!bytesOf(end).equals(TO_THE_END) && !isEmptyRange({ key: start, rangeEnd: end })) {
      return { key: start, rangeEnd: end }
    }
    const nothing = bytesOf(start).equals(TO_THE_END) ? NOTHING : start
    return { key: nothing, rangeEnd: nothing }
  }

  /** Keys are never empty; the smallest is a single zero byte. */
  #start(from: Bytes): Bytes {
    return from.length === 0 && this.prefix.length === 0 ? TO_THE_END : this.#under(from)
  }

  #under(key: Bytes): Bytes {
    return this.prefix.length === 0 ? held(key) : Buffer.concat([this.prefix, bytesOf(key)])
  }
}
