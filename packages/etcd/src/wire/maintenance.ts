import {
  bool,
  bytes,
  enumeration,
  id64,
  int64,
  named,
  nested,
  repeated,
  string,
  uint32,
  uint64,
} from './field.ts'
import { ResponseHeader } from './kv.ts'
import type { Decoded } from './message-type.ts'
import { message } from './message.ts'

/** Values of `AlarmRequest.alarm` and `AlarmMember.alarm`. In a request, `none` means all alarms. */
export const AlarmType = { none: 0, noSpace: 1, corrupt: 2 } as const

/** The names of `AlarmType` in JSON. */
const ALARM_NAMES = ['NONE', 'NOSPACE', 'CORRUPT']

/** Values of `AlarmRequest.action`. */
export const AlarmAction = { get: 0, activate: 1, deactivate: 2 } as const

/** Lists, raises or clears alarms. A `memberId` of 0n means all members. */
export const AlarmRequest = message('AlarmRequest', {
  action: enumeration(1, ['GET', 'ACTIVATE', 'DEACTIVATE']),
  memberId: named('memberID', id64(2)),
  alarm: enumeration(3, ALARM_NAMES),
})
export type AlarmRequest = Decoded<typeof AlarmRequest>

/** An alarm raised by one member. */
export const AlarmMember = message('AlarmMember', {
  memberId: named('memberID', id64(1)),
  alarm: enumeration(2, ALARM_NAMES),
})
export type AlarmMember = Decoded<typeof AlarmMember>

/** The alarms the request applied to. */
export const AlarmResponse = message('AlarmResponse', {
  header: nested(1, () => ResponseHeader),
  alarms: repeated(nested(2, () => AlarmMember)),
})
export type AlarmResponse = Decoded<typeof AlarmResponse>

/** Asks the member for its status; has no fields. */
export const StatusRequest = message('StatusRequest', {})
export type StatusRequest = Decoded<typeof StatusRequest>

/** The state of one member. Sizes are in bytes; a `leader` of 0n means that the member knows of none. */
export const StatusResponse = message('StatusResponse', {
  header: nested(1, () => ResponseHeader),
  version: string(2),
  dbSize: named('dbSize', int64(3)),
  leader: id64(4),
  raftIndex: named('raftIndex', uint64(5)),
  raftTerm: named('raftTerm', uint64(6)),
  raftAppliedIndex: named('raftAppliedIndex', uint64(7)),
  errors: repeated(string(8)),
  dbSizeInUse: named('dbSizeInUse', int64(9)),
  isLearner: named('isLearner', bool(10)),
  /** Since etcd 3.6, as is `dbSizeQuota`. */
  storageVersion: named('storageVersion', string(11)),
  dbSizeQuota: named('dbSizeQuota', int64(12)),
})
export type StatusResponse = Decoded<typeof StatusResponse>

/** Defragments the member's database file; has no fields. */
export const DefragmentRequest = message('DefragmentRequest', {})
export type DefragmentRequest = Decoded<typeof DefragmentRequest>

/** Answers `DefragmentRequest`. */
export const DefragmentResponse = message('DefragmentResponse', { header: nested(1, () => ResponseHeader) })
export type DefragmentResponse = Decoded<typeof DefragmentResponse>

/** Asks for a hash of the member's whole database; has no fields. */
export const HashRequest = message('HashRequest', {})
export type HashRequest = Decoded<typeof HashRequest>

/** The hash of the member's database. */
export const HashResponse = message('HashResponse', {
  header: nested(1, () => ResponseHeader),
  hash: uint32(2),
})
export type HashResponse = Decoded<typeof HashResponse>

/** Asks for a hash of the keys up to `revision` (0: the newest), to compare members. */
export const HashKvRequest = message('HashKVRequest', { revision: int64(1) })
export type HashKvRequest = Decoded<typeof HashKvRequest>

/** The hash of the keys. `compactRevision` is the revision the store was compacted at when hashing began. */
export const HashKvResponse = message('HashKVResponse', {
  header: nested(1, () => ResponseHeader),
  hash: uint32(2),
  compactRevision: int64(3),
  /** Since etcd 3.6. */
  hashRevision: int64(4),
})
export type HashKvResponse = Decoded<typeof HashKvResponse>

/** Asks for the member's database as a stream; has no fields. */
export const SnapshotRequest = message('SnapshotRequest', {})
export type SnapshotRequest = Decoded<typeof SnapshotRequest>

/** One part of a snapshot. The blobs joined are the database file; its last 32 bytes are a SHA-256. */
export const SnapshotResponse = message('SnapshotResponse', {
  header: nested(1, () => ResponseHeader),
  remainingBytes: uint64(2),
  blob: bytes(3),
})
export type SnapshotResponse = Decoded<typeof SnapshotResponse>

/** Transfers leadership to the member `targetId`. Only the leader accepts it. */
export const MoveLeaderRequest = message('MoveLeaderRequest', { targetId: named('targetID', id64(1)) })
export type MoveLeaderRequest = Decoded<typeof MoveLeaderRequest>

/** Answers `MoveLeaderRequest`. */
export const MoveLeaderResponse = message('MoveLeaderResponse', { header: nested(1, () => ResponseHeader) })
export type MoveLeaderResponse = Decoded<typeof MoveLeaderResponse>
