import { PermissionType } from '@livetree/etcd/wire'
import type { Key, KeyRange } from '../mvcc/key-range.ts'

/** What a role may do, on which keys. */
export interface Permission {
  /** One of `PermissionType`. */
  readonly permType: number
  readonly range: KeyRange
}

/** What a call wants to do with keys. */
export type Access = 'read' | 'write'

const grants = (permission: Permission, access: Access): boolean =>
  permission.permType === PermissionType.readWrite ||
  permission.permType === (access === 'read' ? PermissionType.read : PermissionType.write)

/** A half-open interval; no end means no upper limit. */
interface Interval {
  readonly start: Key
  readonly end: Key | undefined
}

/** A single key as an interval: nothing lies between a key and the same key with a zero byte. */
const intervalOf = (range: KeyRange): Interval =>
  range.type === 'key' ? { start: range.start, end: `${range.start}\0` } : range

const reaches = (end: Key | undefined, key: Key): boolean => end === undefined || end >= key

/** Whether the permissions together cover the whole range. */
export const isCovered = (range: KeyRange, permissions: readonly Permission[], access: Access): boolean => {
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
