import { crc32 } from 'node:zlib'
import { AlarmAction, Maintenance } from '@livetree/etcd/wire'
import { type Alarm, alarmName } from '../alarms.ts'
import type { Caller } from '../auth/caller.ts'
import type { Engine } from '../engine.ts'
import { type Route, unary } from '../grpc/service.ts'
import type { MvccStore } from '../mvcc/store.ts'
import { ETCD_ERROR, GRPC_CODE, StatusError } from '../status.ts'
import { ETCD_VERSION } from '../version.ts'

/** Hash of a store without keys: as in etcd not 0, which clients interpret as "no hash". */
const EMPTY_HASH = crc32('key')

/**
 * A checksum of all keys at a revision: equal for equal content, but different from etcd's, which covers its
 * file format.
 */
function hashAt(store: MvccStore, revision: number): number {
  let hash = EMPTY_HASH
  for (const version of store.range({ type: 'span', start: '', end: undefined }, revision)) {
    const { key, value, createRevision, modRevision, lease } = version
    hash = crc32(
      `${key.length} ${value.length} ${createRevision} ${modRevision} ${version.version} ${lease}`,
      hash,
    )
    hash = crc32(value, crc32(key, hash))
  }
  return hash
}

/** Some methods of etcd return the auth store's errors without translating them; so does this server. */
function assertAdminRaw(caller: Caller): void {
  try {
    caller.assertAdmin()
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    throw new StatusError(GRPC_CODE.unknown, error.message.replace('etcdserver:', 'auth:'))
  }
}

/** The text of an alarm in `Status`; Go omits a number that is 0. */
function alarmText({ memberId, alarm }: Alarm): string {
  return `${memberId === 0n ? '' : `memberID:${memberId} `}alarm:${alarmName(alarm)} `
}

/** etcd's Maintenance service. */
export function maintenanceService(engine: Engine): Route[] {
  const { store } = engine
  return [
    unary(Maintenance.alarm, async ({ action, alarm, memberId }, { caller }) => {
      if (action === AlarmAction.get) caller.assertKnown()
      else caller.assertAdmin()
      const changed =
        action === AlarmAction.activate
          ? await engine.changeAlarms((alarms) => alarms.activate({ memberId, alarm }))
          : action === AlarmAction.deactivate
            ? await engine.changeAlarms((alarms) => alarms.deactivate({ memberId, alarm }))
            : []
      const alarms = action === AlarmAction.get ? engine.alarms.list(alarm) : changed
      return { header: engine.header(), alarms }
    }),

    unary(Maintenance.status, (_request, { caller }) => {
      caller.assertAdmin()
      return {
        header: engine.header(),
        version: ETCD_VERSION,
        dbSize: engine.fileBytes,
        dbSizeInUse: engine.bytesInUse,
        leader: engine.memberId,
        raftIndex: engine.raftIndex,
        raftTerm: engine.raftTerm,
        raftAppliedIndex: engine.raftIndex,
        errors: engine.alarms.list().map(alarmText),
      }
    }),

    unary(Maintenance.defragment, (_request, { caller }) => {
      assertAdminRaw(caller)
      engine.defragment()
      return { header: undefined }
    }),

    unary(Maintenance.moveLeader, ({ targetId }, { caller }) => {
      caller.assertAdmin()
      // The only member is the leader, so it can only transfer leadership to itself.
      if (targetId !== engine.memberId) throw ETCD_ERROR.badLeaderTransferee()
      return { header: undefined }
    }),

    unary(Maintenance.hash, (_request, { caller }) => {
      assertAdminRaw(caller)
      return { header: engine.header(), hash: hashAt(store, store.revision) }
    }),

    unary(Maintenance.hashKv, ({ revision }, { caller }) => {
      assertAdminRaw(caller)
      if (revision !== 0) store.assertReadable(revision)
      const hash = hashAt(store, revision === 0 ? store.revision : revision)
      return {
        header: engine.header(),
        hash,
        compactRevision: store.compactRevision,
        // etcd has this field since 3.6.
        hashRevision: 0,
      }
    }),
  ]
}
