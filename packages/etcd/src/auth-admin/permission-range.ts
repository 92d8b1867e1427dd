import { isUtf8 } from 'node:buffer'
import type { Bytes } from '../bytes.ts'
import {
  assertHoldsKeys,
  isEmptyRange,
  type KeyRange,
  Namespace,
  prefixEnd,
  type WireRange,
} from '../key-range.ts'

const WHOLE_STORE = new Namespace()

/**
 * A range as permissions take it.
 *
 * @throws EtcdError `invalid_argument`, also for one that holds no key
 */
export function wireRangeOf(range: KeyRange): WireRange {
  return assertHoldsKeys(WHOLE_STORE.range(range), 'Auth/RoleGrantPermission')
}

/**
 * The very range of a permission that was granted, by whatever tool: also one that holds no key, which only revoking can
 * take away.
 *
 * @throws EtcdError `invalid_argument`
 */
export function exactRangeOf(range: KeyRange): WireRange {
  const wire = WHOLE_STORE.range(range)
  if (!isEmptyRange(wire) || !('from' in range) || range.to === undefined) return wire
  const exact = { key: range.from, rangeEnd: range.to }
  // Unlike the others, an end of a single zero byte says something else on the wire.
  return isEmptyRange(exact) ? exact : assertHoldsKeys(wire, 'Auth/RoleRevokePermission')
}

/** A permission's range in the words it was most likely granted in. Text where the bytes are UTF-8. */
export function rangeOfPermission(key: Buffer, rangeEnd: Buffer): KeyRange {
  if (rangeEnd.length === 0) return { key: readable(key) }
  const isFromStart = key.length === 1 && key[0] === 0
  const isToEnd = rangeEnd.length === 1 && rangeEnd[0] === 0
  if (isToEnd) return isFromStart ? { prefix: '' } : { from: readable(key) }
  if (prefixEnd(key).equals(rangeEnd)) return { prefix: readable(key) }
  return { from: readable(key), to: readable(rangeEnd) }
}

function readable(bytes: Buffer): Bytes {
  return isUtf8(bytes) ? bytes.toString() : Buffer.from(bytes)
}
