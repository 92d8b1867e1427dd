const EMPTY = Buffer.alloc(0)

/**
 * A copy in memory of its own, for bytes that are kept: those of a request are a view of a network buffer, and small
 * buffers are views of a pool of Node's, and one kept byte of either keeps all of it.
 */
export function ownCopy(bytes: Uint8Array): Buffer {
  if (bytes.length === 0) return EMPTY
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  return copy
}
