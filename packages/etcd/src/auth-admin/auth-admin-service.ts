import { EtcdError } from '../errors.ts'
import type { KeyRange } from '../key-range.ts'
import type { CallOptions, Channel } from '../transport/transport.ts'
import { PermissionType } from '../wire/auth.ts'
import { Auth } from '../wire/rpc.ts'
import { rangeOfPermission, wireRangeOf } from './permission-range.ts'

/** What a role may do with the keys of a range. */
export interface RolePermission {
  readonly access: 'read' | 'write' | 'readWrite'
  /** As the store knows the keys: the client's namespace is not applied. */
  readonly range: KeyRange
}

/** How to add a user. */
export type AddUserOptions = CallOptions &
  (
    | { readonly password: string }
    /** Only by the common name of a client certificate. */
    | { readonly noPassword: true }
  )

/** Whether users have to identify themselves. */
export interface AuthStatus {
  readonly isEnabled: boolean
  /** Rises with every change of users and roles. */
  readonly revision: number
}

/** Users, each with roles. */
export interface UserAdmin {
  list(options?: CallOptions): Promise<readonly string[]>
  /** The user's roles. Throws `not_found`. */
  roles(user: string, options?: CallOptions): Promise<readonly string[]>
  /** Throws `already_exists`. */
  add(user: string, options: AddUserOptions): Promise<void>
  /** Throws `not_found`. */
  delete(user: string, options?: CallOptions): Promise<void>
  /** Ends the user's tokens. Throws `not_found`. */
  changePassword(user: string, password: string, options?: CallOptions): Promise<void>
  /** Throws `not_found` for either. */
  grantRole(user: string, role: string, options?: CallOptions): Promise<void>
  /** Throws `not_found`, `failed_precondition` when the user does not have it. */
  revokeRole(user: string, role: string, options?: CallOptions): Promise<void>
}

/** Roles, each with permissions on ranges of keys. */
export interface RoleAdmin {
  list(options?: CallOptions): Promise<readonly string[]>
  /** Throws `not_found`. */
  permissions(role: string, options?: CallOptions): Promise<readonly RolePermission[]>
  /** Throws `already_exists`. */
  add(role: string, options?: CallOptions): Promise<void>
  /** Takes it from its users as well. Throws `not_found`. */
  delete(role: string, options?: CallOptions): Promise<void>
  /** Replaces the access to exactly this range if there is one. Throws `not_found`. */
  grant(role: string, permission: RolePermission, options?: CallOptions): Promise<void>
  /** For exactly the range that was granted. Throws `not_found`, `failed_precondition`. */
  revoke(role: string, range: KeyRange, options?: CallOptions): Promise<void>
}

/**
 * Who may do what. Needs the role `root` once auth is enabled. Every change makes all tokens given before too old; a
 * client fetches new ones by itself. Changes are sent once: one whose fate is unknown fails with `outcome_unknown`.
 */
export interface AuthAdminService {
  readonly users: UserAdmin
  readonly roles: RoleAdmin
  /** Since etcd 3.5. Throws `unimplemented` before. */
  status(options?: CallOptions): Promise<AuthStatus>
  /** From here on every call needs a user. Throws `failed_precondition` unless a user `root` with the role `root` exists. */
  enable(options?: CallOptions): Promise<void>
  disable(options?: CallOptions): Promise<void>
}

/** Makes the service for users and roles of a client. No I/O before the first call. */
export const createAuthAdminService = (channel: Channel): AuthAdminService => ({
  users: userAdmin(channel),
  roles: roleAdmin(channel),
  async status(options = {}) {
    const answer = await channel.unary(Auth.authStatus, {}, { ...options, retry: 'read' })
    return { isEnabled: answer.enabled, revision: answer.authRevision }
  },
  async enable(options = {}) {
    await channel.unary(Auth.authEnable, {}, { ...options, retry: 'write' })
  },
  async disable(options = {}) {
    await channel.unary(Auth.authDisable, {}, { ...options, retry: 'write' })
  },
})

const userAdmin = (channel: Channel): UserAdmin => ({
  async list(options = {}) {
    return (await channel.unary(Auth.userList, {}, { ...options, retry: 'read' })).users
  },
  async roles(user, options = {}) {
    return (await channel.unary(Auth.userGet, { name: user }, { ...options, retry: 'read' })).roles
  },
  async add(user, options) {
    const { request, rest } = newUser(user, options)
    await channel.unary(Auth.userAdd, request, { ...rest, retry: 'write' })
  },
  async delete(user, options = {}) {
    await channel.unary(Auth.userDelete, { name: user }, { ...options, retry: 'write' })
  },
  async changePassword(user, password, options = {}) {
    const request = { name: user, password: somePassword(password) }
    await channel.unary(Auth.userChangePassword, request, { ...options, retry: 'write' })
  },
  async grantRole(user, role, options = {}) {
    await channel.unary(Auth.userGrantRole, { user, role }, { ...options, retry: 'write' })
  },
  async revokeRole(user, role, options = {}) {
    await channel.unary(Auth.userRevokeRole, { name: user, role }, { ...options, retry: 'write' })
  },
})

const roleAdmin = (channel: Channel): RoleAdmin => ({
  async list(options = {}) {
    return (await channel.unary(Auth.roleList, {}, { ...options, retry: 'read' })).roles
  },
  async permissions(role, options = {}) {
    const { perm } = await channel.unary(Auth.roleGet, { role }, { ...options, retry: 'read' })
    return perm.map(({ permType, key, rangeEnd }) => ({
      access: accessOf(permType),
      range: rangeOfPermission(key, rangeEnd),
    }))
  },
  async add(role, options = {}) {
    await channel.unary(Auth.roleAdd, { name: role }, { ...options, retry: 'write' })
  },
  async delete(role, options = {}) {
    await channel.unary(Auth.roleDelete, { role }, { ...options, retry: 'write' })
  },
  async grant(role, { access, range }, options = {}) {
    const perm = { permType: PermissionType[access], ...wireRangeOf(range) }
    await channel.unary(Auth.roleGrantPermission, { name: role, perm }, { ...options, retry: 'write' })
  },
  async revoke(role, range, options = {}) {
    const request = { role, ...wireRangeOf(range) }
    await channel.unary(Auth.roleRevokePermission, request, { ...options, retry: 'write' })
  },
})

const accessOf = (permType: number): RolePermission['access'] =>
  permType === PermissionType.read ? 'read' : permType === PermissionType.write ? 'write' : 'readWrite'

const newUser = (name: string, options: AddUserOptions) => {
  if ('noPassword' in options) {
    const { noPassword, ...rest } = options
    return { request: { name, options: { noPassword } }, rest }
  }
  const { password, ...rest } = options
  return { request: { name, password: somePassword(password) }, rest }
}

const somePassword = (password: string): string => {
  if (password !== '') return password
  throw new EtcdError('invalid_argument', {
    what: 'the password is empty',
    remedy: 'Give a password, or `noPassword: true` for users who come with a client certificate.',
  })
}
