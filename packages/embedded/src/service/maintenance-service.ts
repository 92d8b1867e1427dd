import { crc32 } from 'node:zlib'
import { AlarmAction, AlarmType, Maintenance } from '@livetree/etcd/wire'
import type { Caller } from '../auth/caller.ts'
import type { Engine } from '../engine.ts'
import { type Route, unary } from '../grpc/service.ts'
import type { MvccStore } from '../mvcc/store.ts'
import { grpcCode, StatusError } from '../status.ts'
import { etcdVersion } from '../version.ts'

/** A checksum over all keys at a revision: equal for equal content, but not etcd's own, which covers its file's bytes. */
const hashAt = (store: MvccStore, revision: number): number => {
  let hash = 0
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

/** Some of etcd's methods let the auth store's own errors through untranslated, and so do these. */
const assertAdminRaw = (caller: Caller): void => {
  try {
    caller.assertAdmin()
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    throw new StatusError(grpcCode.unknown, error.message.replace('etcdserver:', 'auth:'))
  }
}

/** etcd's Maintenance service. */
export const maintenanceService = (engine: Engine): Route[] => {
  const { store } = engine
  const alarmMembers = () =>
    engine.hasNoSpace ? [{ memberId: engine.memberId, alarm: AlarmType.noSpace }] : []

  return [
    unary(Maintenance.alarm, async ({ action, alarm, memberId }, { caller }) => {
      if (action === AlarmAction.get) caller.assertKnown()
      else caller.assertAdmin()
      const header = engine.header()
      const isOurs = memberId === 0n || memberId === engine.memberId
      const asked = alarm === AlarmType.none || alarm === AlarmType.noSpace
      if (action === AlarmAction.get) return { header, alarms: asked ? alarmMembers() : [] }
      if (!isOurs || alarm !== AlarmType.noSpace) return { header, alarms: [] }
      const wasUp = engine.hasNoSpace
      await engine.setNoSpace(action === AlarmAction.activate)
      // A deactivation names the alarms it cleared.
      const cleared = wasUp ? [{ memberId: engine.memberId, alarm }] : []
      return { header: engine.header(), alarms: action === AlarmAction.activate ? alarmMembers() : cleared }
    }),

    unary(Maintenance.status, (_request, { caller }) => {
      caller.assertAdmin()
      return {
        header: engine.header(),
        version: etcdVersion,
        dbSize: engine.fileBytes,
        dbSizeInUse: engine.bytesInUse,
        leader: engine.memberId,
        raftIndex: engine.raftIndex,
        raftTerm: engine.raftTerm,
        raftAppliedIndex: engine.raftIndex,
        errors: engine.hasNoSpace ? [`memberID:${engine.memberId} alarm:NOSPACE `] : [],
      }
    }),

    unary(Maintenance.defragment, (_request, { caller }) => {
      assertAdminRaw(caller)
      engine.defragment()
      return { header: engine.header() }
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
        hashRevision: revision || store.revision,
      }
    }),
  ]
}
