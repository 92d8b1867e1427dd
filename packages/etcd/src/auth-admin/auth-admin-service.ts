import {
  ANYTHING,
  CALL_CHECKS,
  checkArgument,
  FLAG,
  type OptionChecks,
  oneOf,
  readOptions,
  refuseArgument,
  SOME_TEXT,
} from '../check-argument.ts'
import { EtcdError } from '../errors.ts'
import type { KeyRange } from '../key-range-form.ts'
import { shown } from '../refuse-option.ts'
import type { CallOptions, Channel } from '../transport/transport.ts'
import { PermissionType } from '../wire/auth.ts'
import { Auth } from '../wire/rpc.ts'
import { exactRangeOf, rangeOfPermission, wireRangeOf } from './permission-range.ts'

/** What a role may do with the keys of a range. */
export interface RolePermission {
  readonly access: 'read' | 'write' | 'readWrite'
  /** Keys as the store knows them: the client's namespace is not applied. */
  readonly range: KeyRange
}

/** Options of `users.add`: a password or `noPassword`. */
export type AddUserOptions = CallOptions &
  (
    | { readonly password: string }
    /** The user can only sign in by the common name of a client certificate. */
    | { readonly noPassword: true }
  )

/** Whether authentication is enabled. */
export interface AuthStatus {
  readonly isEnabled: boolean
  /** Grows with every change of users and roles. */
  readonly revision: number
}

/** Manages users and their roles. */
export interface UserAdmin {
  list(options?: CallOptions): Promise<readonly string[]>
  /**
   * Lists the roles of a user.
   *
   * @throws EtcdError `not_found`
   */
  roles(user: string, options?: CallOptions): Promise<readonly string[]>
  /** @throws EtcdError `already_exists` */
  add(user: string, options: AddUserOptions): Promise<void>
  /** @throws EtcdError `not_found` */
  delete(user: string, options?: CallOptions): Promise<void>
  /**
   * Sets a new password and invalidates the user's tokens.
   *
   * @throws EtcdError `not_found`
   */
  changePassword(user: string, password: string, options?: CallOptions): Promise<void>
  /** @throws EtcdError `not_found` for an unknown user or role */
  grantRole(user: string, role: string, options?: CallOptions): Promise<void>
  /** @throws EtcdError `not_found`, `failed_precondition` if the user does not have the role */
  revokeRole(user: string, role: string, options?: CallOptions): Promise<void>
}

/** Manages roles and their permissions on ranges of keys. */
export interface RoleAdmin {
  list(options?: CallOptions): Promise<readonly string[]>
  /** @throws EtcdError `not_found` */
  permissions(role: string, options?: CallOptions): Promise<readonly RolePermission[]>
  /** @throws EtcdError `already_exists` */
  add(role: string, options?: CallOptions): Promise<void>
  /**
   * Deletes a role and revokes it from its users.
   *
   * @throws EtcdError `not_found`
   */
  delete(role: string, options?: CallOptions): Promise<void>
  /**
   * Grants a permission. Replaces an existing permission for exactly this range.
   *
   * @throws EtcdError `not_found`
   */
  grant(role: string, permission: RolePermission, options?: CallOptions): Promise<void>
  /**
   * Revokes the permission for exactly this range.
   *
   * @throws EtcdError `not_found`, `failed_precondition`
   */
  revoke(role: string, range: KeyRange, options?: CallOptions): Promise<void>
}

/**
 * Manages users, roles and authentication. Requires the role `root` once auth is enabled. Every change
 * invalidates all tokens; clients renew theirs automatically. Changes are sent once and fail with
 * `outcome_unknown` if the answer is lost.
 */
export interface AuthAdminService {
  readonly users: UserAdmin
  readonly roles: RoleAdmin
  /**
   * Whether auth is enabled. Since etcd 3.5.
   *
   * @throws EtcdError `unimplemented` on older servers
   */
  status(options?: CallOptions): Promise<AuthStatus>
  /**
   * Enables auth: every later call requires a user.
   *
   * @throws EtcdError `failed_precondition` unless a user `root` with the role `root` exists
   */
  enable(options?: CallOptions): Promise<void>
  disable(options?: CallOptions): Promise<void>
}

const ADD_USER_CHECKS: OptionChecks<
  CallOptions & { readonly password?: string; readonly noPassword?: true }
> = { ...CALL_CHECKS, password: ANYTHING, noPassword: FLAG }
const PERMISSION_CHECKS: OptionChecks<RolePermission> = {
  access: oneOf('read', 'write', 'readWrite'),
  range: ANYTHING,
}

/** Creates the service for users and roles. It makes no I/O before the first call. */
export function createAuthAdminService(channel: Channel): AuthAdminService {
  return {
    users: userAdmin(channel),
    roles: roleAdmin(channel),
    async status(options) {
      const given = readOptions('Auth/AuthStatus', CALL_CHECKS, options)
      const answer = await channel.unary(Auth.authStatus, {}, { ...given, retry: 'read' })
      return { isEnabled: answer.enabled, revision: answer.authRevision }
    },
    async enable(options) {
      const given = readOptions('Auth/AuthEnable', CALL_CHECKS, options)
      await channel.unary(Auth.authEnable, {}, { ...given, retry: 'write' })
    },
    async disable(options) {
      const given = readOptions('Auth/AuthDisable', CALL_CHECKS, options)
      await channel.unary(Auth.authDisable, {}, { ...given, retry: 'write' })
    },
  }
}

/** Validates the names and options of a call and returns the options. */
function given(
  call: string,
  options: CallOptions | undefined,
  names: { readonly user?: string; readonly role?: string } = {},
): CallOptions {
  for (const [kind, name] of Object.entries(names)) checkArgument(call, `the ${kind}`, SOME_TEXT, name)
  return readOptions(call, CALL_CHECKS, options)
}

function userAdmin(channel: Channel): UserAdmin {
  return {
    async list(options) {
      const call = given('Auth/UserList', options)
      return (await channel.unary(Auth.userList, {}, { ...call, retry: 'read' })).users
    },
    async roles(user, options) {
      const call = given('Auth/UserGet', options, { user })
      return (await channel.unary(Auth.userGet, { name: user }, { ...call, retry: 'read' })).roles
    },
    async add(user, options) {
      checkArgument('Auth/UserAdd', 'the user', SOME_TEXT, user)
      const { request, call } = newUser(user, options)
      await channel.unary(Auth.userAdd, request, { ...call, retry: 'write' })
    },
    async delete(user, options) {
      const call = given('Auth/UserDelete', options, { user })
      await channel.unary(Auth.userDelete, { name: user }, { ...call, retry: 'write' })
    },
    async changePassword(user, password, options) {
      const call = given('Auth/UserChangePassword', options, { user })
      const request = { name: user, password: somePassword(password) }
      await channel.unary(Auth.userChangePassword, request, { ...call, retry: 'write' })
    },
    async grantRole(user, role, options) {
      const call = given('Auth/UserGrantRole', options, { user, role })
      await channel.unary(Auth.userGrantRole, { user, role }, { ...call, retry: 'write' })
    },
    async revokeRole(user, role, options) {
      const call = given('Auth/UserRevokeRole', options, { user, role })
      await channel.unary(Auth.userRevokeRole, { name: user, role }, { ...call, retry: 'write' })
    },
  }
}

function roleAdmin(channel: Channel): RoleAdmin {
  return {
    async list(options) {
      const call = given('Auth/RoleList', options)
      return (await channel.unary(Auth.roleList, {}, { ...call, retry: 'read' })).roles
    },
    async permissions(role, options) {
      const call = given('Auth/RoleGet', options, { role })
      const { perm } = await channel.unary(Auth.roleGet, { role }, { ...call, retry: 'read' })
      return perm.map(({ permType, key, rangeEnd }) => ({
        access: accessOf(permType),
        range: rangeOfPermission(key, rangeEnd),
      }))
    },
    async add(role, options) {
      const call = given('Auth/RoleAdd', options, { role })
      await channel.unary(Auth.roleAdd, { name: role }, { ...call, retry: 'write' })
    },
    async delete(role, options) {
      const call = given('Auth/RoleDelete', options, { role })
      await channel.unary(Auth.roleDelete, { role }, { ...call, retry: 'write' })
    },
    async grant(role, permission, options) {
      const name = 'Auth/RoleGrantPermission'
      const call = given(name, options, { role })
      const { access, range } = readOptions(name, PERMISSION_CHECKS, permission)
      checkArgument(name, 'access', PERMISSION_CHECKS.access, access)
      const perm = { permType: PermissionType[access], ...wireRangeOf(range) }
      await channel.unary(Auth.roleGrantPermission, { name: role, perm }, { ...call, retry: 'write' })
    },
    async revoke(role, range, options) {
      const call = given('Auth/RoleRevokePermission', options, { role })
      const request = { role, ...exactRangeOf(range) }
      await channel.unary(Auth.roleRevokePermission, request, { ...call, retry: 'write' })
    },
  }
}

function accessOf(permType: number): RolePermission['access'] {
  return permType === PermissionType.read ? 'read' : permType === PermissionType.write ? 'write' : 'readWrite'
}

/**
 * Requires exactly one of password and `noPassword`: anyone could sign in as a user whose password was left
 * out by mistake.
 */
function newUser(name: string, options: AddUserOptions) {
  const { password, noPassword, ...call } = readOptions('Auth/UserAdd', ADD_USER_CHECKS, options)
  if (noPassword !== true) return { request: { name, password: somePassword(password) }, call }
  if (password === undefined) return { request: { name, options: { noPassword } }, call }
  throw refuseArgument('both a password and noPassword were given', 'Auth/UserAdd')
}

function somePassword(password: unknown): string {
  if (typeof password === 'string' && SOME_TEXT.accepts(password)) return password
  throw new EtcdError('invalid_argument', {
    what: password === '' ? 'the password is empty' : `the password is ${shown(password)}, not a text`,
    remedy: 'Give a password, or `noPassword: true` for users who sign in with a client certificate.',
  })
}
