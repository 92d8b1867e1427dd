import { bool, bytes, id64, int64, nested, repeated, string, uint32, uint64 } from './field.ts'
import { ResponseHeader } from './kv.ts'
import type { Decoded } from './message-type.ts'
import { message } from './message.ts'

/** `AlarmRequest.alarm` and `AlarmMember.alarm`; `none` asks for all. */
export const AlarmType = { none: 0, noSpace: 1, corrupt: 2 } as const
/** `AlarmRequest.action` */
export const AlarmAction = { get: 0, activate: 1, deactivate: 2 } as const

export const AlarmRequest = message('AlarmRequest', {
  action: uint32(1),
  memberId: id64(2),
  alarm: uint32(3),
})
export type AlarmRequest = Decoded<typeof AlarmRequest>

export const AlarmMember = message('AlarmMember', { memberId: id64(1), alarm: uint32(2) })
export type AlarmMember = Decoded<typeof AlarmMember>

export const AlarmResponse = message('AlarmResponse', {
  header: nested(1, () => ResponseHeader),
  alarms: repeated(nested(2, () => AlarmMember)),
})
export type AlarmResponse = Decoded<typeof AlarmResponse>

export const StatusRequest = message('StatusRequest', {})
export type StatusRequest = Decoded<typeof StatusRequest>

/** Sizes in bytes. A `leader` of 0 says that the member knows none. */
export const StatusResponse = message('StatusResponse', {
  header: nested(1, () => ResponseHeader),
  version: string(2),
  dbSize: int64(3),
  leader: id64(4),
  raftIndex: uint64(5),
  raftTerm: uint64(6),
  raftAppliedIndex: uint64(7),
  errors: repeated(string(8)),
  dbSizeInUse: int64(9),
  isLearner: bool(10),
  /** Since etcd 3.6, as is `dbSizeQuota`. */
  storageVersion: string(11),
  dbSizeQuota: int64(12),
})
export type StatusResponse = Decoded<typeof StatusResponse>

export const DefragmentRequest = message('DefragmentRequest', {})
export type DefragmentRequest = Decoded<typeof DefragmentRequest>

export const DefragmentResponse = message('DefragmentResponse', { header: nested(1, () => ResponseHeader) })
export type DefragmentResponse = Decoded<typeof DefragmentResponse>

export const HashRequest = message('HashRequest', {})
export type HashRequest = Decoded<typeof HashRequest>

export const HashResponse = message('HashResponse', {
  header: nested(1, () => ResponseHeader),
  hash: uint32(2),
})
export type HashResponse = Decoded<typeof HashResponse>

export const HashKvRequest = message('HashKVRequest', { revision: int64(1) })
export type HashKvRequest = Decoded<typeof HashKvRequest>

export const HashKvResponse = message('HashKVResponse', {
  header: nested(1, () => ResponseHeader),
  hash: uint32(2),
  compactRevision: int64(3),
  /** Since etcd 3.6. */
  hashRevision: int64(4),
})
export type HashKvResponse = Decoded<typeof HashKvResponse>

export const SnapshotRequest = message('SnapshotRequest', {})
export type SnapshotRequest = Decoded<typeof SnapshotRequest>

/** The blobs, joined, are the store's file; the last 32 bytes are its SHA-256. */
export const SnapshotResponse = message('SnapshotResponse', {
  header: nested(1, () => ResponseHeader),
  remainingBytes: uint64(2),
  blob: bytes(3),
})
export type SnapshotResponse = Decoded<typeof SnapshotResponse>

export const MoveLeaderRequest = message('MoveLeaderRequest', { targetId: id64(1) })
export type MoveLeaderRequest = Decoded<typeof MoveLeaderRequest>

export const MoveLeaderResponse = message('MoveLeaderResponse', { header: nested(1, () => ResponseHeader) })
export type MoveLeaderResponse = Decoded<typeof MoveLeaderResponse>
