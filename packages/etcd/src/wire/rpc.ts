import * as auth from './auth.ts'
import * as cluster from './cluster.ts'
import * as election from './election.ts'
import * as kv from './kv.ts'
import * as lease from './lease.ts'
import * as lock from './lock.ts'
import * as maintenance from './maintenance.ts'
import type { MessageType } from './message-type.ts'
import * as watch from './watch.ts'

/** One gRPC method: its path and its two messages. */
export interface Method<Req, Res> {
  /** `/etcdserverpb.KV/Range` */
  readonly path: string
  readonly request: MessageType<Req>
  readonly response: MessageType<Res>
}

function method<Req, Res>(
  path: string,
  request: MessageType<Req>,
  response: MessageType<Res>,
): Method<Req, Res> {
  return { path: `/etcdserverpb.${path}`, request, response }
}

/** A method of the services that wait on the server, which have packages of their own. */
function recipe<Req, Res>(
  path: string,
  request: MessageType<Req>,
  response: MessageType<Res>,
): Method<Req, Res> {
  return { path: `/${path}`, request, response }
}

/** The methods of the service `etcdserverpb.KV`. */
export const KV = {
  range: method('KV/Range', kv.RangeRequest, kv.RangeResponse),
  put: method('KV/Put', kv.PutRequest, kv.PutResponse),
  deleteRange: method('KV/DeleteRange', kv.DeleteRangeRequest, kv.DeleteRangeResponse),
  txn: method('KV/Txn', kv.TxnRequest, kv.TxnResponse),
  compact: method('KV/Compact', kv.CompactionRequest, kv.CompactionResponse),
} as const

/** The methods of the service `etcdserverpb.Watch`. */
export const Watch = {
  /** Both sides stream. */
  watch: method('Watch/Watch', watch.WatchRequest, watch.WatchResponse),
} as const

/** The methods of the service `etcdserverpb.Lease`. */
export const Lease = {
  grant: method('Lease/LeaseGrant', lease.LeaseGrantRequest, lease.LeaseGrantResponse),
  revoke: method('Lease/LeaseRevoke', lease.LeaseRevokeRequest, lease.LeaseRevokeResponse),
  /** Both sides stream. */
  keepAlive: method('Lease/LeaseKeepAlive', lease.LeaseKeepAliveRequest, lease.LeaseKeepAliveResponse),
  timeToLive: method('Lease/LeaseTimeToLive', lease.LeaseTimeToLiveRequest, lease.LeaseTimeToLiveResponse),
  leases: method('Lease/LeaseLeases', lease.LeaseLeasesRequest, lease.LeaseLeasesResponse),
} as const

/** The methods of the service `etcdserverpb.Cluster`. */
export const Cluster = {
  memberAdd: method('Cluster/MemberAdd', cluster.MemberAddRequest, cluster.MemberAddResponse),
  memberRemove: method('Cluster/MemberRemove', cluster.MemberRemoveRequest, cluster.MemberRemoveResponse),
  memberUpdate: method('Cluster/MemberUpdate', cluster.MemberUpdateRequest, cluster.MemberUpdateResponse),
  memberList: method('Cluster/MemberList', cluster.MemberListRequest, cluster.MemberListResponse),
  memberPromote: method('Cluster/MemberPromote', cluster.MemberPromoteRequest, cluster.MemberPromoteResponse),
} as const

/** The methods of the service `etcdserverpb.Maintenance`. */
export const Maintenance = {
  alarm: method('Maintenance/Alarm', maintenance.AlarmRequest, maintenance.AlarmResponse),
  status: method('Maintenance/Status', maintenance.StatusRequest, maintenance.StatusResponse),
  defragment: method('Maintenance/Defragment', maintenance.DefragmentRequest, maintenance.DefragmentResponse),
  hash: method('Maintenance/Hash', maintenance.HashRequest, maintenance.HashResponse),
  hashKv: method('Maintenance/HashKV', maintenance.HashKvRequest, maintenance.HashKvResponse),
  /** The answer streams. */
  snapshot: method('Maintenance/Snapshot', maintenance.SnapshotRequest, maintenance.SnapshotResponse),
  moveLeader: method('Maintenance/MoveLeader', maintenance.MoveLeaderRequest, maintenance.MoveLeaderResponse),
} as const

/** The methods of the service `etcdserverpb.Auth`. */
export const Auth = {
  authEnable: method('Auth/AuthEnable', auth.AuthEnableRequest, auth.AuthEnableResponse),
  authDisable: method('Auth/AuthDisable', auth.AuthDisableRequest, auth.AuthDisableResponse),
  authStatus: method('Auth/AuthStatus', auth.AuthStatusRequest, auth.AuthStatusResponse),
  authenticate: method('Auth/Authenticate', auth.AuthenticateRequest, auth.AuthenticateResponse),
  userAdd: method('Auth/UserAdd', auth.AuthUserAddRequest, auth.AuthUserAddResponse),
  userGet: method('Auth/UserGet', auth.AuthUserGetRequest, auth.AuthUserGetResponse),
  userList: method('Auth/UserList', auth.AuthUserListRequest, auth.AuthUserListResponse),
  userDelete: method('Auth/UserDelete', auth.AuthUserDeleteRequest, auth.AuthUserDeleteResponse),
  userChangePassword: method(
    'Auth/UserChangePassword',
    auth.AuthUserChangePasswordRequest,
    auth.AuthUserChangePasswordResponse,
  ),
  userGrantRole: method('Auth/UserGrantRole', auth.AuthUserGrantRoleRequest, auth.AuthUserGrantRoleResponse),
  userRevokeRole: method(
    'Auth/UserRevokeRole',
    auth.AuthUserRevokeRoleRequest,
    auth.AuthUserRevokeRoleResponse,
  ),
  roleAdd: method('Auth/RoleAdd', auth.AuthRoleAddRequest, auth.AuthRoleAddResponse),
  roleGet: method('Auth/RoleGet', auth.AuthRoleGetRequest, auth.AuthRoleGetResponse),
  roleList: method('Auth/RoleList', auth.AuthRoleListRequest, auth.AuthRoleListResponse),
  roleDelete: method('Auth/RoleDelete', auth.AuthRoleDeleteRequest, auth.AuthRoleDeleteResponse),
  roleGrantPermission: method(
    'Auth/RoleGrantPermission',
    auth.AuthRoleGrantPermissionRequest,
    auth.AuthRoleGrantPermissionResponse,
  ),
  roleRevokePermission: method(
    'Auth/RoleRevokePermission',
    auth.AuthRoleRevokePermissionRequest,
    auth.AuthRoleRevokePermissionResponse,
  ),
} as const

/** The methods of the service `v3lockpb.Lock`. livetree's own client does not use them. */
export const Lock = {
  lock: recipe('v3lockpb.Lock/Lock', lock.LockRequest, lock.LockResponse),
  unlock: recipe('v3lockpb.Lock/Unlock', lock.UnlockRequest, lock.UnlockResponse),
} as const

/** The methods of the service `v3electionpb.Election`. livetree's own client does not use them. */
export const Election = {
  campaign: recipe('v3electionpb.Election/Campaign', election.CampaignRequest, election.CampaignResponse),
  proclaim: recipe('v3electionpb.Election/Proclaim', election.ProclaimRequest, election.ProclaimResponse),
  leader: recipe('v3electionpb.Election/Leader', election.LeaderRequest, election.LeaderResponse),
  /** The answer streams. */
  observe: recipe('v3electionpb.Election/Observe', election.LeaderRequest, election.LeaderResponse),
  resign: recipe('v3electionpb.Election/Resign', election.ResignRequest, election.ResignResponse),
} as const
