import { isUtf8 } from 'node:buffer'
import type { Bytes } from '../bytes.ts'
import type { KeyRange } from '../key-range-form.ts'
import { assertHoldsKeys, isEmptyRange, Namespace, prefixEnd, type WireRange } from '../key-range.ts'

const WHOLE_STORE = new Namespace()

/**
 * The range of a new permission.
 *
 * @throws EtcdError `invalid_argument`, also for a range that can contain no key
 */
export function wireRangeOf(range: KeyRange): WireRange {
  return assertHoldsKeys(WHOLE_STORE.range(range), 'Auth/RoleGrantPermission')
}

/**
 * The exact range of an existing permission, granted by any tool. It may be empty, because revoking is the
 * only way to remove such a permission.
 *
 * @throws EtcdError `invalid_argument`
 */
export function exactRangeOf(range: KeyRange): WireRange {
  const wire = WHOLE_STORE.range(range)
  if (!isEmptyRange(wire) || !('from' in range) || range.to === undefined) return wire
  const exact = { key: range.from, rangeEnd: range.to }
  // An end of a single zero byte has another meaning on the wire, unlike other empty ranges.
  return isEmptyRange(exact) ? exact : assertHoldsKeys(wire, 'Auth/RoleRevokePermission')
}

/**
 * Converts a permission's range to the form it was most likely granted in. Bytes that are UTF-8 become text.
 */
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
