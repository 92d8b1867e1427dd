import { bool, bytes, enumeration, named, nested, repeated, string, uint64 } from './field.ts'
import { ResponseHeader } from './kv.ts'
import type { Decoded } from './message-type.ts'
import { message } from './message.ts'

/** Values of `Permission.permType`. */
export const PermissionType = { read: 0, write: 1, readWrite: 2 } as const

/** What a role may do with the keys in `[key, rangeEnd)`, or with one key when `rangeEnd` is empty. */
export const Permission = message('Permission', {
  permType: named('permType', enumeration(1, ['READ', 'WRITE', 'READWRITE'])),
  key: bytes(2),
  rangeEnd: bytes(3),
})
export type Permission = Decoded<typeof Permission>

/** Options of `AuthUserAddRequest`: a user without a password signs in by client certificate only. */
export const UserAddOptions = message('UserAddOptions', { noPassword: bool(1) })
export type UserAddOptions = Decoded<typeof UserAddOptions>

const HEADER = nested(1, () => ResponseHeader)

/** Enables authentication for the cluster; has no fields. */
export const AuthEnableRequest = message('AuthEnableRequest', {})
export type AuthEnableRequest = Decoded<typeof AuthEnableRequest>

/** Answers `AuthEnableRequest`. */
export const AuthEnableResponse = message('AuthEnableResponse', { header: HEADER })
export type AuthEnableResponse = Decoded<typeof AuthEnableResponse>

/** Disables authentication for the cluster; has no fields. */
export const AuthDisableRequest = message('AuthDisableRequest', {})
export type AuthDisableRequest = Decoded<typeof AuthDisableRequest>

/** Answers `AuthDisableRequest`. */
export const AuthDisableResponse = message('AuthDisableResponse', { header: HEADER })
export type AuthDisableResponse = Decoded<typeof AuthDisableResponse>

/** Asks whether authentication is enabled; has no fields. Since etcd 3.5. */
export const AuthStatusRequest = message('AuthStatusRequest', {})
export type AuthStatusRequest = Decoded<typeof AuthStatusRequest>

/** Whether authentication is enabled. `authRevision` grows with every change of users and roles. */
export const AuthStatusResponse = message('AuthStatusResponse', {
  header: HEADER,
  enabled: bool(2),
  authRevision: named('authRevision', uint64(3)),
})
export type AuthStatusResponse = Decoded<typeof AuthStatusResponse>

/** Exchanges a user name and a password for a token. */
export const AuthenticateRequest = message('AuthenticateRequest', { name: string(1), password: string(2) })
export type AuthenticateRequest = Decoded<typeof AuthenticateRequest>

/** The token to send as metadata with the calls that follow. */
export const AuthenticateResponse = message('AuthenticateResponse', { header: HEADER, token: string(2) })
export type AuthenticateResponse = Decoded<typeof AuthenticateResponse>

/** Adds a user. */
export const AuthUserAddRequest = message('AuthUserAddRequest', {
  name: string(1),
  password: string(2),
  options: nested(3, () => UserAddOptions),
})
export type AuthUserAddRequest = Decoded<typeof AuthUserAddRequest>

/** Answers `AuthUserAddRequest`. */
export const AuthUserAddResponse = message('AuthUserAddResponse', { header: HEADER })
export type AuthUserAddResponse = Decoded<typeof AuthUserAddResponse>

/** Asks for the roles of a user. */
export const AuthUserGetRequest = message('AuthUserGetRequest', { name: string(1) })
export type AuthUserGetRequest = Decoded<typeof AuthUserGetRequest>

/** The names of the user's roles. */
export const AuthUserGetResponse = message('AuthUserGetResponse', {
  header: HEADER,
  roles: repeated(string(2)),
})
export type AuthUserGetResponse = Decoded<typeof AuthUserGetResponse>

/** Asks for all users; has no fields. */
export const AuthUserListRequest = message('AuthUserListRequest', {})
export type AuthUserListRequest = Decoded<typeof AuthUserListRequest>

/** The names of all users. */
export const AuthUserListResponse = message('AuthUserListResponse', {
  header: HEADER,
  users: repeated(string(2)),
})
export type AuthUserListResponse = Decoded<typeof AuthUserListResponse>

/** Deletes a user. */
export const AuthUserDeleteRequest = message('AuthUserDeleteRequest', { name: string(1) })
export type AuthUserDeleteRequest = Decoded<typeof AuthUserDeleteRequest>

/** Answers `AuthUserDeleteRequest`. */
export const AuthUserDeleteResponse = message('AuthUserDeleteResponse', { header: HEADER })
export type AuthUserDeleteResponse = Decoded<typeof AuthUserDeleteResponse>

/** Sets a new password, which invalidates the user's tokens. */
export const AuthUserChangePasswordRequest = message('AuthUserChangePasswordRequest', {
  name: string(1),
  password: string(2),
})
export type AuthUserChangePasswordRequest = Decoded<typeof AuthUserChangePasswordRequest>

/** Answers `AuthUserChangePasswordRequest`. */
export const AuthUserChangePasswordResponse = message('AuthUserChangePasswordResponse', { header: HEADER })
export type AuthUserChangePasswordResponse = Decoded<typeof AuthUserChangePasswordResponse>

/** Grants a role to a user. */
export const AuthUserGrantRoleRequest = message('AuthUserGrantRoleRequest', {
  user: string(1),
  role: string(2),
})
export type AuthUserGrantRoleRequest = Decoded<typeof AuthUserGrantRoleRequest>

/** Answers `AuthUserGrantRoleRequest`. */
export const AuthUserGrantRoleResponse = message('AuthUserGrantRoleResponse', { header: HEADER })
export type AuthUserGrantRoleResponse = Decoded<typeof AuthUserGrantRoleResponse>

/** Revokes a role of the user `name`. */
export const AuthUserRevokeRoleRequest = message('AuthUserRevokeRoleRequest', {
  name: string(1),
  role: string(2),
})
export type AuthUserRevokeRoleRequest = Decoded<typeof AuthUserRevokeRoleRequest>

/** Answers `AuthUserRevokeRoleRequest`. */
export const AuthUserRevokeRoleResponse = message('AuthUserRevokeRoleResponse', { header: HEADER })
export type AuthUserRevokeRoleResponse = Decoded<typeof AuthUserRevokeRoleResponse>

/** Adds a role without permissions. */
export const AuthRoleAddRequest = message('AuthRoleAddRequest', { name: string(1) })
export type AuthRoleAddRequest = Decoded<typeof AuthRoleAddRequest>

/** Answers `AuthRoleAddRequest`. */
export const AuthRoleAddResponse = message('AuthRoleAddResponse', { header: HEADER })
export type AuthRoleAddResponse = Decoded<typeof AuthRoleAddResponse>

/** Asks for the permissions of a role. */
export const AuthRoleGetRequest = message('AuthRoleGetRequest', { role: string(1) })
export type AuthRoleGetRequest = Decoded<typeof AuthRoleGetRequest>

/** The permissions of the role. */
export const AuthRoleGetResponse = message('AuthRoleGetResponse', {
  header: HEADER,
  perm: repeated(nested(2, () => Permission)),
})
export type AuthRoleGetResponse = Decoded<typeof AuthRoleGetResponse>

/** Asks for all roles; has no fields. */
export const AuthRoleListRequest = message('AuthRoleListRequest', {})
export type AuthRoleListRequest = Decoded<typeof AuthRoleListRequest>

/** The names of all roles. */
export const AuthRoleListResponse = message('AuthRoleListResponse', {
  header: HEADER,
  roles: repeated(string(2)),
})
export type AuthRoleListResponse = Decoded<typeof AuthRoleListResponse>

/** Deletes a role, also from the users that have it. */
export const AuthRoleDeleteRequest = message('AuthRoleDeleteRequest', { role: string(1) })
export type AuthRoleDeleteRequest = Decoded<typeof AuthRoleDeleteRequest>

/** Answers `AuthRoleDeleteRequest`. */
export const AuthRoleDeleteResponse = message('AuthRoleDeleteResponse', { header: HEADER })
export type AuthRoleDeleteResponse = Decoded<typeof AuthRoleDeleteResponse>

/** Grants a permission to the role `name`; replaces the one for the same range. */
export const AuthRoleGrantPermissionRequest = message('AuthRoleGrantPermissionRequest', {
  name: string(1),
  perm: nested(2, () => Permission),
})
export type AuthRoleGrantPermissionRequest = Decoded<typeof AuthRoleGrantPermissionRequest>

/** Answers `AuthRoleGrantPermissionRequest`. */
export const AuthRoleGrantPermissionResponse = message('AuthRoleGrantPermissionResponse', { header: HEADER })
export type AuthRoleGrantPermissionResponse = Decoded<typeof AuthRoleGrantPermissionResponse>

/** Revokes the permission for exactly the range `[key, rangeEnd)`. */
export const AuthRoleRevokePermissionRequest = message('AuthRoleRevokePermissionRequest', {
  role: string(1),
  key: bytes(2),
  rangeEnd: bytes(3),
})
export type AuthRoleRevokePermissionRequest = Decoded<typeof AuthRoleRevokePermissionRequest>

/** Answers `AuthRoleRevokePermissionRequest`. */
export const AuthRoleRevokePermissionResponse = message('AuthRoleRevokePermissionResponse', {
  header: HEADER,
})
export type AuthRoleRevokePermissionResponse = Decoded<typeof AuthRoleRevokePermissionResponse>
