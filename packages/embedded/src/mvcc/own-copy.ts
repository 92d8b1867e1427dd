const EMPTY = Buffer.alloc(0)

/**
 * Copies bytes that are kept into their own memory. The bytes of a request are a view of a network buffer, and small
 * buffers are views of Node's pool; keeping one byte of either keeps the whole buffer in memory.
 */
export function ownCopy(bytes: Uint8Array): Buffer {
  if (bytes.length === 0) return EMPTY
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  return copy
}
