import { bool, bytes, nested, repeated, string, uint32, uint64 } from './field.ts'
import { ResponseHeader } from './kv.ts'
import type { Decoded } from './message-type.ts'
import { message } from './message.ts'

/** `Permission.permType` */
export const PermissionType = { read: 0, write: 1, readWrite: 2 } as const

/** On `[key, rangeEnd)`, or on one key when `rangeEnd` is empty. */
export const Permission = message('Permission', { permType: uint32(1), key: bytes(2), rangeEnd: bytes(3) })
export type Permission = Decoded<typeof Permission>

export const UserAddOptions = message('UserAddOptions', { noPassword: bool(1) })
export type UserAddOptions = Decoded<typeof UserAddOptions>

const HEADER = nested(1, () => ResponseHeader)

export const AuthEnableRequest = message('AuthEnableRequest', {})
export type AuthEnableRequest = Decoded<typeof AuthEnableRequest>
export const AuthEnableResponse = message('AuthEnableResponse', { header: HEADER })
export type AuthEnableResponse = Decoded<typeof AuthEnableResponse>

export const AuthDisableRequest = message('AuthDisableRequest', {})
export type AuthDisableRequest = Decoded<typeof AuthDisableRequest>
export const AuthDisableResponse = message('AuthDisableResponse', { header: HEADER })
export type AuthDisableResponse = Decoded<typeof AuthDisableResponse>

/** Since etcd 3.5. */
export const AuthStatusRequest = message('AuthStatusRequest', {})
export type AuthStatusRequest = Decoded<typeof AuthStatusRequest>
export const AuthStatusResponse = message('AuthStatusResponse', {
  header: HEADER,
  enabled: bool(2),
  authRevision: uint64(3),
})
export type AuthStatusResponse = Decoded<typeof AuthStatusResponse>

export const AuthenticateRequest = message('AuthenticateRequest', { name: string(1), password: string(2) })
export type AuthenticateRequest = Decoded<typeof AuthenticateRequest>
export const AuthenticateResponse = message('AuthenticateResponse', { header: HEADER, token: string(2) })
export type AuthenticateResponse = Decoded<typeof AuthenticateResponse>

export const AuthUserAddRequest = message('AuthUserAddRequest', {
  name: string(1),
  password: string(2),
  options: nested(3, () => UserAddOptions),
})
export type AuthUserAddRequest = Decoded<typeof AuthUserAddRequest>
export const AuthUserAddResponse = message('AuthUserAddResponse', { header: HEADER })
export type AuthUserAddResponse = Decoded<typeof AuthUserAddResponse>

export const AuthUserGetRequest = message('AuthUserGetRequest', { name: string(1) })
export type AuthUserGetRequest = Decoded<typeof AuthUserGetRequest>
export const AuthUserGetResponse = message('AuthUserGetResponse', {
  header: HEADER,
  roles: repeated(string(2)),
})
export type AuthUserGetResponse = Decoded<typeof AuthUserGetResponse>

export const AuthUserListRequest = message('AuthUserListRequest', {})
export type AuthUserListRequest = Decoded<typeof AuthUserListRequest>
export const AuthUserListResponse = message('AuthUserListResponse', {
  header: HEADER,
  users: repeated(string(2)),
})
export type AuthUserListResponse = Decoded<typeof AuthUserListResponse>

export const AuthUserDeleteRequest = message('AuthUserDeleteRequest', { name: string(1) })
export type AuthUserDeleteRequest = Decoded<typeof AuthUserDeleteRequest>
export const AuthUserDeleteResponse = message('AuthUserDeleteResponse', { header: HEADER })
export type AuthUserDeleteResponse = Decoded<typeof AuthUserDeleteResponse>

export const AuthUserChangePasswordRequest = message('AuthUserChangePasswordRequest', {
  name: string(1),
  password: string(2),
})
export type AuthUserChangePasswordRequest = Decoded<typeof AuthUserChangePasswordRequest>
export const AuthUserChangePasswordResponse = message('AuthUserChangePasswordResponse', { header: HEADER })
export type AuthUserChangePasswordResponse = Decoded<typeof AuthUserChangePasswordResponse>

export const AuthUserGrantRoleRequest = message('AuthUserGrantRoleRequest', {
  user: string(1),
  role: string(2),
})
export type AuthUserGrantRoleRequest = Decoded<typeof AuthUserGrantRoleRequest>
export const AuthUserGrantRoleResponse = message('AuthUserGrantRoleResponse', { header: HEADER })
export type AuthUserGrantRoleResponse = Decoded<typeof AuthUserGrantRoleResponse>

export const AuthUserRevokeRoleRequest = message('AuthUserRevokeRoleRequest', {
  name: string(1),
  role: string(2),
})
export type AuthUserRevokeRoleRequest = Decoded<typeof AuthUserRevokeRoleRequest>
export const AuthUserRevokeRoleResponse = message('AuthUserRevokeRoleResponse', { header: HEADER })
export type AuthUserRevokeRoleResponse = Decoded<typeof AuthUserRevokeRoleResponse>

export const AuthRoleAddRequest = message('AuthRoleAddRequest', { name: string(1) })
export type AuthRoleAddRequest = Decoded<typeof AuthRoleAddRequest>
export const AuthRoleAddResponse = message('AuthRoleAddResponse', { header: HEADER })
export type AuthRoleAddResponse = Decoded<typeof AuthRoleAddResponse>

export const AuthRoleGetRequest = message('AuthRoleGetRequest', { role: string(1) })
export type AuthRoleGetRequest = Decoded<typeof AuthRoleGetRequest>
export const AuthRoleGetResponse = message('AuthRoleGetResponse', {
  header: HEADER,
  perm: repeated(nested(2, () => Permission)),
})
export type AuthRoleGetResponse = Decoded<typeof AuthRoleGetResponse>

export const AuthRoleListRequest = message('AuthRoleListRequest', {})
export type AuthRoleListRequest = Decoded<typeof AuthRoleListRequest>
export const AuthRoleListResponse = message('AuthRoleListResponse', {
  header: HEADER,
  roles: repeated(string(2)),
})
export type AuthRoleListResponse = Decoded<typeof AuthRoleListResponse>

export const AuthRoleDeleteRequest = message('AuthRoleDeleteRequest', { role: string(1) })
export type AuthRoleDeleteRequest = Decoded<typeof AuthRoleDeleteRequest>
export const AuthRoleDeleteResponse = message('AuthRoleDeleteResponse', { header: HEADER })
export type AuthRoleDeleteResponse = Decoded<typeof AuthRoleDeleteResponse>

export const AuthRoleGrantPermissionRequest = message('AuthRoleGrantPermissionRequest', {
  name: string(1),
  perm: nested(2, () => Permission),
})
export type AuthRoleGrantPermissionRequest = Decoded<typeof AuthRoleGrantPermissionRequest>
export const AuthRoleGrantPermissionResponse = message('AuthRoleGrantPermissionResponse', { header: HEADER })
export type AuthRoleGrantPermissionResponse = Decoded<typeof AuthRoleGrantPermissionResponse>

export const AuthRoleRevokePermissionRequest = message('AuthRoleRevokePermissionRequest', {
  role: string(1),
  key: bytes(2),
  rangeEnd: bytes(3),
})
export type AuthRoleRevokePermissionRequest = Decoded<typeof AuthRoleRevokePermissionRequest>
export const AuthRoleRevokePermissionResponse = message('AuthRoleRevokePermissionResponse', {
  header: HEADER,
})
export type AuthRoleRevokePermissionResponse = Decoded<typeof AuthRoleRevokePermissionResponse>
