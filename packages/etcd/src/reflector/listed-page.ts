import type { RawPage, ScanPage } from '../kv/range-page.ts'
import type { KeyValue } from '../wire/kv.ts'

/** One page of a list. It references the response's bytes; what it returns is copied. */
export interface ListedPage {
  /** Number of entries on the page. */
  readonly length: number
  /**
   * The entries as text: the fastest way. `skipKeyBytes` are removed from each key, e.g. those of a prefix.
   */
  texts(skipKeyBytes?: number): ScanPage
  /** The entries as bytes, each with a copy of its own. */
  entries(): KeyValue[]
}

/** The page for its consumer; `namespaceBytes` are removed from each key. */
export function listedPage(page: RawPage, revision: number, namespaceBytes: number): ListedPage {
  return {
    length: page.length,
    texts: (skipKeyBytes = 0) => page.decode(revision, namespaceBytes + skipKeyBytes),
    entries: () => page.entries().map((kv) => ownKeyValue(kv, namespaceBytes)),
  }
}

/**
 * Copies the bytes of a key-value pair into memory of their own, so that it retains neither the response nor
 * a slab of Node's buffer pool.
 */
export function ownKeyValue(kv: KeyValue, skipKeyBytes = 0): KeyValue {
  const keyBytes = kv.key.length - skipKeyBytes
  const bytes = Buffer.allocUnsafeSlow(keyBytes + kv.value.length)
  kv.key.copy(bytes, 0, skipKeyBytes)
  kv.value.copy(bytes, keyBytes)
  return { ...kv, key: bytes.subarray(0, keyBytes), value: bytes.subarray(keyBytes) }
}
