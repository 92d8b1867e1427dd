import {
  Auth,
  Cluster,
  Election,
  KV,
  Lease,
  Lock,
  Maintenance,
  type Method,
  Watch,
} from '@livetree/etcd/wire'

/** A method's place in etcd's gateway. */
export interface JsonRoute {
  readonly method: Method<unknown, unknown>
  /** Whether a client may send further messages behind the first. */
  readonly takesMany: boolean
}

function one<Req, Res>(method: Method<Req, Res>): JsonRoute {
  return { method: method as Method<unknown, unknown>, takesMany: false }
}

function many<Req, Res>(method: Method<Req, Res>): JsonRoute {
  return { method: method as Method<unknown, unknown>, takesMany: true }
}

/**
 * The paths of etcd's gateway below `/v3`, as the annotations of its `.proto` files name them. Which of the methods this
 * server has is known by its routes.
 */
export const JSON_PATHS: ReadonlyMap<string, JsonRoute> = new Map([
  ['/kv/range', one(KV.range)],
  ['/kv/put', one(KV.put)],
  ['/kv/deleterange', one(KV.deleteRange)],
  ['/kv/txn', one(KV.txn)],
  ['/kv/compaction', one(KV.compact)],
  ['/watch', many(Watch.watch)],
  ['/lease/grant', one(Lease.grant)],
  ['/lease/revoke', one(Lease.revoke)],
  ['/lease/keepalive', many(Lease.keepAlive)],
  ['/lease/timetolive', one(Lease.timeToLive)],
  ['/lease/leases', one(Lease.leases)],
  ['/kv/lease/revoke', one(Lease.revoke)],
  ['/kv/lease/timetolive', one(Lease.timeToLive)],
  ['/kv/lease/leases', one(Lease.leases)],
  ['/lock/lock', one(Lock.lock)],
  ['/lock/unlock', one(Lock.unlock)],
  ['/election/campaign', one(Election.campaign)],
  ['/election/proclaim', one(Election.proclaim)],
  ['/election/leader', one(Election.leader)],
  ['/election/observe', one(Election.observe)],
  ['/election/resign', one(Election.resign)],
  ['/cluster/member/add', one(Cluster.memberAdd)],
  ['/cluster/member/remove', one(Cluster.memberRemove)],
  ['/cluster/member/update', one(Cluster.memberUpdate)],
  ['/cluster/member/list', one(Cluster.memberList)],
  ['/cluster/member/promote', one(Cluster.memberPromote)],
  ['/maintenance/alarm', one(Maintenance.alarm)],
  ['/maintenance/status', one(Maintenance.status)],
  ['/maintenance/defragment', one(Maintenance.defragment)],
  ['/maintenance/hash', one(Maintenance.hash)],
  ['/maintenance/hashkv', one(Maintenance.hashKv)],
  ['/maintenance/snapshot', one(Maintenance.snapshot)],
  ['/maintenance/transfer-leadership', one(Maintenance.moveLeader)],
  ['/auth/enable', one(Auth.authEnable)],
  ['/auth/disable', one(Auth.authDisable)],
  ['/auth/status', one(Auth.authStatus)],
  ['/auth/authenticate', one(Auth.authenticate)],
  ['/auth/user/add', one(Auth.userAdd)],
  ['/auth/user/get', one(Auth.userGet)],
  ['/auth/user/list', one(Auth.userList)],
  ['/auth/user/delete', one(Auth.userDelete)],
  ['/auth/user/changepw', one(Auth.userChangePassword)],
  ['/auth/user/grant', one(Auth.userGrantRole)],
  ['/auth/user/revoke', one(Auth.userRevokeRole)],
  ['/auth/role/add', one(Auth.roleAdd)],
  ['/auth/role/get', one(Auth.roleGet)],
  ['/auth/role/list', one(Auth.roleList)],
  ['/auth/role/delete', one(Auth.roleDelete)],
  ['/auth/role/grant', one(Auth.roleGrantPermission)],
  ['/auth/role/revoke', one(Auth.roleRevokePermission)],
])
