import { bytesOf, type WireRange } from '../key-range.ts'

/** True if an encoded range contains the key. */
export function isInRange({ key, rangeEnd }: WireRange, candidate: Buffer): boolean {
  const start = bytesOf(key)
  const end = bytesOf(rangeEnd)
  if (end.length === 0) return candidate.equals(start)
  if (Buffer.compare(candidate, start) < 0) return false
  return (end.length === 1 && end[0] === 0) || Buffer.compare(candidate, end) < 0
}
