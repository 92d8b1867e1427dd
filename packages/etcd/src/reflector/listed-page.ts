import type { RawPage, ScanPage } from '../kv/range-page.ts'
import type { KeyValue } from '../wire/kv.ts'

/** One page of a list. It holds the bytes of its answer: what is kept of it is copied. */
export interface ListedPage {
  /** Entries on the page. */
  readonly length: number
  /** The entries as text, the quickest way to many. `skipKeyBytes` are left off each key, those of a prefix for one. */
  texts(skipKeyBytes?: number): ScanPage
  /** The entries as bytes, each a copy of its own, which holds nothing else in memory. */
  entries(): KeyValue[]
}

/** A page as its consumer sees it; `namespaceBytes` are taken off each key. */
export function listedPage(page: RawPage, revision: number, namespaceBytes: number): ListedPage {
  return {
    length: page.length,
    texts: (skipKeyBytes = 0) => page.decode(revision, namespaceBytes + skipKeyBytes),
    entries: () => page.entries().map((kv) => ownKeyValue(kv, namespaceBytes)),
  }
}

/**
 * A key-value whose bytes are copied out of the answer they came in, in one piece of memory of their own: neither the
 * answer nor a slab of Node's pool is held for it.
 */
export function ownKeyValue(kv: KeyValue, skipKeyBytes = 0): KeyValue {
  const keyBytes = kv.key.length - skipKeyBytes
  const bytes = Buffer.allocUnsafeSlow(keyBytes + kv.value.length)
  kv.key.copy(bytes, 0, skipKeyBytes)
  kv.value.copy(bytes, keyBytes)
  return { ...kv, key: bytes.subarray(0, keyBytes), value: bytes.subarray(keyBytes) }
}
