/**
 * A key inside the store: a binary string with one character per byte, which sorts like etcd's bytes and can
 * be used as a Map key. It is converted to bytes at the API.
 */
export type Key = string

/** One key, or all keys from `start` up to `end`. */
export type KeyRange =
  | { readonly type: 'key'; readonly start: Key }
  /** `end` is exclusive; undefined means no upper limit. */
  | { readonly type: 'span'; readonly start: Key; readonly end: Key | undefined }

/** Converts a key from bytes to the form used inside the store. */
export function keyOf(bytes: Uint8Array): Key {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

/**
 * Decodes a request's `key` and `range_end` like etcd: no end means one key, the end `\0` means no upper
 * limit.
 */
export function keyRange(key: Uint8Array, rangeEnd: Uint8Array): KeyRange {
  const start = keyOf(key)
  if (rangeEnd.length === 0) return { type: 'key', start }
  const isOpen = rangeEnd.length === 1 && rangeEnd[0] === 0
  return { type: 'span', start, end: isOpen ? undefined : keyOf(rangeEnd) }
}

/** True if a range contains a key. */
export function rangeHas(range: KeyRange, key: Key): boolean {
  return range.type === 'key'
    ? key === range.start
    : key >= range.start && (range.end === undefined || key < range.end)
}
