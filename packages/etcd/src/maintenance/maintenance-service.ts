import { CallDeadline, DEFAULT_CALL_MS } from '../call-deadline.ts'
import {
  CALL_CHECKS,
  checkArgument,
  MEMBER_ID,
  type OptionChecks,
  oneOf,
  readOptions,
  SOME_TEXT,
  whole,
} from '../check-argument.ts'
import { type Clock, systemClock } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import { beforeWriting } from '../kv/lost-answer.ts'
import { pinned } from '../kv/range-query.ts'
import type { CallOptions, Channel } from '../transport/transport.ts'
import { AlarmAction, type AlarmResponse, AlarmType, type StatusResponse } from '../wire/maintenance.ts'
import { Maintenance } from '../wire/rpc.ts'
import { saveSnapshot, type SavedSnapshot } from './save-snapshot.ts'
import { findLeader } from './find-leader.ts'
import { readSnapshot, SNAPSHOT_CHECKS, type SnapshotOptions, type SnapshotReader } from './snapshot.ts'

/** The state of one member, as reported by itself. Sizes are in bytes. */
export interface MemberStatus {
  readonly memberId: bigint
  readonly clusterId: bigint
  /** Version of the server, e.g. `3.5.30`. */
  readonly version: string
  /** Revision of the store on this member. */
  readonly revision: number
  /** Id of the leader; 0n if the member knows none. */
  readonly leader: bigint
  readonly isLeader: boolean
  readonly isLearner: boolean
  readonly dbSize: number
  /** `dbSize` without the space that `defragment` would free. */
  readonly dbSizeInUse: number
  /** 0 before etcd 3.6. */
  readonly dbSizeQuota: number
  readonly raftIndex: number
  readonly raftTerm: number
  readonly raftAppliedIndex: number
  readonly errors: readonly string[]
}

/** A problem raised by a member. */
export interface Alarm {
  readonly memberId: bigint
  readonly type: 'no_space' | 'corrupt'
}

/** Selects alarms. Parts that are left out match all. */
export interface AlarmFilter {
  readonly memberId?: bigint
  readonly type?: Alarm['type']
}

/** A hash of all keys and values, to compare members. */
export interface KvHash {
  readonly hash: number
  /** The revision that was hashed. */
  readonly revision: number
  /** Hashes of members are comparable only for the same compaction. */
  readonly compactRevision: number
}

/** Calls for operators. Calls about one member take its `endpoint`; without it any member answers. */
export interface MaintenanceService {
  /**
   * Returns the status of one member. With auth enabled, etcd 3.5 answers root only.
   *
   * @throws EtcdError `permission_denied` for other users
   */
  status(options?: CallOptions): Promise<MemberStatus>
  alarms(options?: CallOptions): Promise<readonly Alarm[]>
  /** Raises an alarm, like a member does: `no_space` makes the cluster refuse writes. */
  activateAlarm(alarm: Alarm, options?: CallOptions): Promise<void>
  /** Clears alarms whose cause was removed. Returns the cleared alarms. */
  disarmAlarms(filter?: AlarmFilter, options?: CallOptions): Promise<readonly Alarm[]>
  /**
   * Frees unused space in one member's database file. The member serves no requests meanwhile, so it must be
   * named.
   */
  defragment(options: CallOptions & { readonly endpoint: string }): Promise<void>
  /**
   * Computes the hash at a revision; by default at the newest.
   *
   * @throws EtcdError `compacted`, `future_revision`
   */
  hashKv(options?: CallOptions & { readonly revision?: number }): Promise<KvHash>
  /**
   * Reads the store's database file in pieces and verifies its length and the SHA-256 in its last 32 bytes.
   * The server cannot be slowed down, so unread pieces are kept in a bounded queue; if it overflows, the
   * reader fails with `slow_consumer`.
   *
   * @throws EtcdError `malformed_message` if pieces are missing or damaged; discard everything read in that
   * case
   */
  snapshot(options?: SnapshotOptions): SnapshotReader
  /**
   * Writes a snapshot to a file with mode 0600 that appears only when it is complete. Memory use is bounded
   * for any size.
   *
   * @throws EtcdError `file_failed`
   */
  saveSnapshot(path: string, options?: SnapshotOptions): Promise<SavedSnapshot>
  /**
   * Transfers leadership to another member. The current leader must be among the endpoints; if none of the
   * endpoints that answer is the leader, the call fails within two seconds. With auth enabled, etcd 3.5 tells
   * only root which member leads.
   *
   * @throws EtcdError `no_leader`, `permission_denied`
   */
  moveLeader(targetId: bigint, options?: CallOptions): Promise<void>
}

/** Settings of `createMaintenanceService` besides the channel. */
export interface MaintenanceServiceOptions {
  /** Default: the machine's clock. */
  readonly clock?: Clock
  /** Time limit of calls without a `timeoutMs`, in milliseconds. Default 10,000. */
  readonly callTimeoutMs?: number
}

const HASH_CHECKS: OptionChecks<CallOptions & { readonly revision?: number }> = {
  ...CALL_CHECKS,
  revision: whole(0),
}
const ALARM_CHECKS: OptionChecks<AlarmFilter> = { memberId: MEMBER_ID, type: oneOf('no_space', 'corrupt') }

/** Creates the maintenance service of a client. It makes no I/O before the first call. */
export function createMaintenanceService(
  channel: Channel,
  { clock = systemClock, callTimeoutMs = DEFAULT_CALL_MS }: MaintenanceServiceOptions = {},
): MaintenanceService {
  const deadlineOf = (call: string, { timeoutMs = callTimeoutMs }: CallOptions): CallDeadline =>
    new CallDeadline(clock, call, timeoutMs)
  return {
    async status(options) {
      const given = readOptions('Maintenance/Status', CALL_CHECKS, options)
      return statusOf(await channel.unary(Maintenance.status, {}, { ...given, retry: 'read' }))
    },

    async alarms(options) {
      return alarmsOf(await askAlarms(channel, readOptions(ALARM, CALL_CHECKS, options)))
    },

    async activateAlarm(alarm, options) {
      const given = readOptions(ALARM, CALL_CHECKS, options)
      const { memberId, type } = readOptions<Alarm>(ALARM, ALARM_CHECKS, alarm)
      checkArgument(ALARM, 'memberId', MEMBER_ID, memberId)
      checkArgument(ALARM, 'type', ALARM_CHECKS.type, type)
      const request = { action: AlarmAction.activate, memberId, alarm: alarmNumber(type) }
      await channel.unary(Maintenance.alarm, request, { ...given, retry: 'write' })
    },

    async disarmAlarms(filter, options) {
      const given = readOptions(ALARM, CALL_CHECKS, options)
      const { memberId, type } = readOptions(ALARM, ALARM_CHECKS, filter)
      const deadline = deadlineOf(ALARM, given)
      const asking = deadline.run((timeoutMs) => askAlarms(channel, { ...given, timeoutMs }))
      const active = await beforeWriting(asking)
      const cluster = pinned(given.clusterId ?? active.header?.clusterId)
      const meant = alarmsOf(active).filter(
        (alarm) => (memberId ?? alarm.memberId) === alarm.memberId && (type ?? alarm.type) === alarm.type,
      )
      for (const [done, alarm] of meant.entries()) {
        const request = {
          action: AlarmAction.deactivate,
          memberId: alarm.memberId,
          alarm: alarmNumber(alarm.type),
        }
        const disarming = deadline.run((timeoutMs) =>
          channel.unary(Maintenance.alarm, request, { ...given, ...cluster, timeoutMs, retry: 'write' }),
        )
        await disarming.catch((error: unknown) => {
          throw done === 0 ? error : partlyDisarmed(error, done, meant.length)
        })
      }
      return meant
    },

    async defragment(options) {
      const call = 'Maintenance/Defragment'
      const given = readOptions(call, CALL_CHECKS, options)
      checkArgument(call, 'endpoint', SOME_TEXT, given.endpoint)
      await channel.unary(Maintenance.defragment, {}, { ...given, retry: 'write' })
    },

    async hashKv(options) {
      const { revision = 0, ...given } = readOptions('Maintenance/HashKV', HASH_CHECKS, options)
      const answer = await channel.unary(Maintenance.hashKv, { revision }, { ...given, retry: 'read' })
      const { hash, compactRevision, hashRevision, header } = answer
      return { hash, compactRevision, revision: hashRevision || revision || (header?.revision ?? 0) }
    },

    snapshot: (options) => readSnapshot(channel, clock, readOptions(SNAPSHOT, SNAPSHOT_CHECKS, options)),

    async saveSnapshot(path, options) {
      const given = readOptions(SNAPSHOT, SNAPSHOT_CHECKS, options)
      checkArgument(SNAPSHOT, 'the path', SOME_TEXT, path)
      return saveSnapshot(channel, clock, path, given)
    },

    async moveLeader(targetId, options) {
      const call = 'Maintenance/MoveLeader'
      const given = readOptions(call, CALL_CHECKS, options)
      checkArgument(call, 'the id of the target', MEMBER_ID, targetId)
      const deadline = deadlineOf(call, given)
      const leader =
        given.endpoint === undefined
          ? await beforeWriting(
              deadline.run((timeoutMs) => findLeader(channel, clock, { ...given, timeoutMs })),
            )
          : { endpoint: given.endpoint }
      await deadline.run((timeoutMs) =>
        channel.unary(
          Maintenance.moveLeader,
          { targetId },
          { ...given, ...leader, timeoutMs, retry: 'write' },
        ),
      )
    },
  }
}

const ALARM = 'Maintenance/Alarm'
const SNAPSHOT = 'Maintenance/Snapshot'

function askAlarms(channel: Channel, options: CallOptions): Promise<AlarmResponse> {
  return channel.unary(Maintenance.alarm, { action: AlarmAction.get }, { ...options, retry: 'read' })
}

function alarmsOf({ alarms }: AlarmResponse): readonly Alarm[] {
  return alarms.flatMap(({ memberId, alarm }): Alarm[] => {
    const type = alarm === AlarmType.noSpace ? 'no_space' : 'corrupt'
    return alarm === AlarmType.none ? [] : [{ memberId, type }]
  })
}

/** A call that has disarmed some alarms was applied in part, whatever happened to its last request. */
function partlyDisarmed(error: unknown, done: number, of: number): unknown {
  if (!(error instanceof EtcdError)) return error
  return error.with({ fate: 'unknown', what: `${error.what}; ${done} of ${of} alarms were disarmed before` })
}

function alarmNumber(type: Alarm['type']): number {
  return type === 'no_space' ? AlarmType.noSpace : AlarmType.corrupt
}

function statusOf(answer: StatusResponse): MemberStatus {
  const { header, leader } = answer
  const memberId = header?.memberId ?? 0n
  return {
    memberId,
    clusterId: header?.clusterId ?? 0n,
    version: answer.version,
    revision: header?.revision ?? 0,
    leader,
    isLeader: leader !== 0n && leader === memberId,
    isLearner: answer.isLearner,
    dbSize: answer.dbSize,
    dbSizeInUse: answer.dbSizeInUse,
    dbSizeQuota: answer.dbSizeQuota,
    raftIndex: answer.raftIndex,
    raftTerm: answer.raftTerm,
    raftAppliedIndex: answer.raftAppliedIndex,
    errors: answer.errors,
  }
}
