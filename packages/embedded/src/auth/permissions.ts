import { PermissionType } from '@livetree/etcd/wire'
import type { Key, KeyRange } from '../mvcc/key-range.ts'

/** A kind of access to a range of keys. */
export interface Permission {
  /** One of `PermissionType`. */
  readonly permType: number
  readonly range: KeyRange
}

/** The kind of access a call needs. */
export type Access = 'read' | 'write'

function grants(permission: Permission, access: Access): boolean {
  return (
    permission.permType === PermissionType.readWrite ||
    permission.permType === (access === 'read' ? PermissionType.read : PermissionType.write)
  )
}

/** A half-open interval; no end means no upper limit. */
interface Interval {
  readonly start: Key
  readonly end: Key | undefined
}

/** A single key as an interval: it ends at the next possible key, the same with a zero byte appended. */
function intervalOf(range: KeyRange): Interval {
  return range.type === 'key' ? { start: range.start, end: `${range.start}\0` } : range
}

function reaches(end: Key | undefined, key: Key): boolean {
  return end === undefined || end >= key
}

/** True if the permissions together cover the whole range. */
export function isCovered(range: KeyRange, permissions: readonly Permission[], access: Access): boolean {
  const { start, end } = intervalOf(range)
  const intervals = permissions
    .filter((permission) => grants(permission, access))
    .map((permission) => intervalOf(permission.range))
    .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0))
  let covered: Key | undefined = start
  for (const interval of intervals) {
    if (interval.start > covered) return false
    if (!reaches(interval.end, covered)) continue
    covered = interval.end
    if (covered === undefined || (end !== undefined && covered >= end)) return true
  }
  return false
}
