import type { Bytes } from './bytes.ts'
import { BYTES, checkBytes, refuseArgument } from './check-argument.ts'
import { shown } from './refuse-option.ts'

/**
 * Which keys are meant; exactly one of the three. Order is by bytes. A range whose end does not lie behind its start holds
 * no key: to read or delete it gives nothing, to watch it or to permit it is refused.
 */
export type KeyRange =
  /** One key. */
  | { readonly key: Bytes }
  /** All keys that begin so; an empty prefix means all keys. */
  | { readonly prefix: Bytes }
  /** From a key on, up to another one (not included) or, without `to`, to the end. */
  | { readonly from: Bytes; readonly to?: Bytes }

/** A range as it goes over the wire. An empty `rangeEnd` means one key, a single zero byte "to the end". */
export interface WireRange {
  readonly key: Bytes
  readonly rangeEnd: Bytes
}

const TO_THE_END = Buffer.of(0)
const NO_END = Buffer.alloc(0)
/** A start and an end that hold nothing between them, and are neither "one key" nor "to the end". */
const NOTHING = Buffer.of(0, 0)

/** Bytes of a key; text is read as UTF-8. */
export function bytesOf(value: Bytes): Buffer {
  return typeof value === 'string'
    ? Buffer.from(value)
    : Buffer.isBuffer(value)
      ? value
      : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

/**
 * Text as it is, and a copy of bytes, for a call that may send them again.
 *
 * @throws EtcdError `invalid_argument` for anything else
 */
export function copyOf(name: string, value: Bytes): Bytes {
  checkBytes(name, value)
  return typeof value === 'string' ? value : Buffer.from(value)
}

/** Bytes as they are now, whatever their owner does with them later. What is no bytes is returned as it is. */
export function held<T>(value: T): T {
  return typeof value !== 'string' && BYTES.accepts(value)
    ? (Buffer.from(value as Uint8Array) as Uint8Array as T)
    : value
}

/**
 * A range as it is now.
 *
 * @throws EtcdError `invalid_argument` for what cannot be read
 */
export function heldRange(range: KeyRange): KeyRange {
  const parts = Object.entries(partsOf(range)).map(([name, part]) => [name, held(part)])
  return Object.fromEntries(parts) as KeyRange
}

/** The first key after all keys with this prefix; a single zero byte, "to the end", when there is none. */
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

/** True for a range that holds no key, whatever the store holds. */
export function isEmptyRange({ key, rangeEnd }: WireRange): boolean {
  if (rangeEnd.length === 0) return false
  const end = bytesOf(rangeEnd)
  return !end.equals(TO_THE_END) && Buffer.compare(end, bytesOf(key)) <= 0
}

/**
 * The range as it is.
 *
 * @throws EtcdError `invalid_argument` where it holds no key and can therefore only be a mistake
 */
export function assertHoldsKeys(range: WireRange, call: string): WireRange {
  if (!isEmptyRange(range)) return range
  throw refuseArgument('the range is empty: its end does not lie behind its start', call)
}

const PARTS = ['key', 'prefix', 'from', 'to'] as const

type Parts = { readonly [K in (typeof PARTS)[number]]?: unknown }

/**
 * What a range says, read once.
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
 * Which of the three a range is.
 *
 * @throws EtcdError `invalid_argument`: what is not said clearly must not become a wider range
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
 * Puts all keys of a client under one prefix, ranges and their ends included, and takes it off again. The one place where
 * ranges become what goes over the wire. Bytes are copied: what their owner does with them later changes no call.
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
   * @throws EtcdError `invalid_argument` for an empty one, and for what is neither text nor bytes
   */
  key(key: Bytes): Bytes {
    checkBytes('the key', key)
    if (key.length === 0) throw refuseArgument('the key is empty')
    return this.#under(key)
  }

  /**
   * A range as the store knows it; never one that holds more than was said.
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

  /** A key as the caller knows it, from one as the store knows it. */
  strip(key: Buffer): Buffer {
    return this.prefix.length === 0 ? key : key.subarray(this.prefix.length)
  }

  #prefixRange(prefix: Bytes): WireRange {
    if (prefix.length === 0) return { key: this.#start(prefix), rangeEnd: this.#end }
    const key = this.#under(prefix)
    return { key, rangeEnd: prefixEnd(key) }
  }

  /** An empty end would mean "one key" on the wire, and a single zero byte, before which there is no key, "to the end". */
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

  /** The store knows no empty key: the smallest one is a zero byte. */
  #start(from: Bytes): Bytes {
    return from.length === 0 && this.prefix.length === 0 ? TO_THE_END : this.#under(from)
  }

  #under(key: Bytes): Bytes {
    return this.prefix.length === 0 ? held(key) : Buffer.concat([this.prefix, bytesOf(key)])
  }
}
