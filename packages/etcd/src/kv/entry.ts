import type { Namespace } from '../key-range.ts'
import type { KeyValue } from '../wire/kv.ts'

/**
 * A key with its value at one revision. Its bytes are views of the whole response; copy them
 * (`Buffer.from(entry.value)`) to keep a few entries of a large response for long.
 */
export class Entry {
  /** The key, without the client's namespace. */
  readonly keyBytes: Buffer
  /** Empty with `keysOnly`. */
  readonly value: Buffer
  /** Revision at which the key was last created. */
  readonly createRevision: number
  /** Revision that wrote this value. */
  readonly modRevision: number
  /** Number of writes since the key was created; 1 for a new key. */
  readonly version: number
  /** The lease the key is attached to; 0n means none. */
  readonly lease: bigint
  #key: string | undefined
  #text: string | undefined

  constructor(kv: KeyValue, namespace: Namespace) {
    this.keyBytes = namespace.strip(kv.key)
    this.value = kv.value
    this.createRevision = kv.createRevision
    this.modRevision = kv.modRevision
    this.version = kv.version
    this.lease = kv.lease
  }

  /** The key as text. */
  get key(): string {
    this.#key ??= this.keyBytes.toString()
    return this.#key
  }

  /** The value as UTF-8 text; invalid bytes become U+FFFD. */
  get text(): string {
    this.#text ??= this.value.toString()
    return this.#text
  }
}

/** Creates an entry from a field that may be absent. */
export function entryOf(kv: KeyValue | undefined, namespace: Namespace): Entry | undefined {
  return kv === undefined ? undefined : new Entry(kv, namespace)
}
