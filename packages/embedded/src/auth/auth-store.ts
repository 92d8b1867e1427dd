import type { Permission as WirePermission } from '@livetree/etcd/wire'
import { type KeyRange, keyOf, keyRange } from '../mvcc/key-range.ts'
import { ETCD_ERROR } from '../status.ts'
import { type Access, isCovered, type Permission } from './permissions.ts'

const ROOT = 'root'

/** A stored user. */
export interface User {
  /** Created by `hashPassword`; undefined for a user who cannot sign in by password. */
  readonly passwordHash: string | undefined
  /** Sorted. */
  readonly roles: readonly string[]
}

/** A permission of a role, with the bytes it was granted with. */
interface Grant extends Permission {
  readonly key: string
  readonly rangeEnd: string
}

/** The persisted state as plain JSON. */
export interface AuthState {
  readonly isEnabled: boolean
  readonly revision: number
  readonly users: Readonly<Record<string, User>>
  /** Keys are encoded in base64. */
  readonly roles: Readonly<Record<string, readonly { permType: number; key: string; rangeEnd: string }[]>>
}

function byName(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

function grantOf({ permType, key, rangeEnd }: WirePermission): Grant {
  return {
    permType,
    key: keyOf(key),
    rangeEnd: keyOf(rangeEnd),
    range: keyRange(key, rangeEnd),
  }
}

/** True if a permission can never cover a key. */
function isEmptyGrant({ key, rangeEnd }: Grant): boolean {
  return key === '' || (rangeEnd !== '' && rangeEnd !== '\0' && key >= rangeEnd)
}

/** Users, roles and permissions. Pure state; passwords are already hashed and tokens are kept elsewhere. */
export class AuthStore {
  #isEnabled = false
  #revision = 1
  readonly #users = new Map<string, User>()
  readonly #roles = new Map<string, readonly Grant[]>()

  get isEnabled(): boolean {
    return this.#isEnabled
  }

  /** Increments with each change. */
  get revision(): number {
    return this.#revision
  }

  enable(): void {
    if (this.#isEnabled) return
    const user = this.#users.get(ROOT)
    if (user === undefined) throw ETCD_ERROR.rootUserNotExist()
    if (!user.roles.includes(ROOT)) throw ETCD_ERROR.rootRoleNotExist()
    this.#isEnabled = true
  }

  disable(): void {
    if (!this.#isEnabled) return
    this.#isEnabled = false
    this.#revision += 1
  }

  /** @throws StatusError `permissionDenied` unless the user has this access to every key of the range */
  assertAccess(userName: string, range: KeyRange, access: Access): void {
    const user = this.#users.get(userName)
    if (user?.roles.includes(ROOT)) return
    const permissions = user?.roles.flatMap((role) => this.#roles.get(role) ?? []) ?? []
    if (!isCovered(range, permissions, access)) throw ETCD_ERROR.permissionDenied()
  }

  /** @throws StatusError `permissionDenied` unless the user has the role `root` */
  assertAdmin(userName: string): void {
    if (!this.user(userName).roles.includes(ROOT)) throw ETCD_ERROR.permissionDenied()
  }

  /** Returns a user. @throws StatusError `userNotFound` */
  user(name: string): User {
    const user = this.#users.get(name)
    if (user === undefined) throw ETCD_ERROR.userNotFound()
    return user
  }

  hasUser(name: string): boolean {
    return this.#users.has(name)
  }

  userNames(): string[] {
    return [...this.#users.keys()].sort(byName)
  }

  addUser(name: string, passwordHash: string | undefined): void {
    if (name === '') throw ETCD_ERROR.userEmpty()
    if (this.#users.has(name)) throw ETCD_ERROR.userExists()
    this.#saveUser(name, { passwordHash, roles: [] })
  }

  deleteUser(name: string): void {
    if (this.#isEnabled && name === ROOT) throw ETCD_ERROR.invalidAuthManagement()
    this.user(name)
    this.#users.delete(name)
    this.#revision += 1
  }

  /** Changes a password. A user without a password stays without one. */
  changePassword(name: string, passwordHash: string): void {
    const user = this.user(name)
    this.#saveUser(name, user.passwordHash === undefined ? user : { ...user, passwordHash })
  }

  grantRole(name: string, role: string): void {
    const user = this.user(name)
    if (role !== ROOT) this.#role(role)
    if (user.roles.includes(role)) return
    this.#saveUser(name, { ...user, roles: [...user.roles, role].sort(byName) })
  }

  revokeRole(name: string, role: string): void {
    if (this.#isEnabled && name === ROOT && role === ROOT) throw ETCD_ERROR.invalidAuthManagement()
    const user = this.user(name)
    if (!user.roles.includes(role)) throw ETCD_ERROR.roleNotGranted()
    this.#saveUser(name, { ...user, roles: user.roles.filter((each) => each !== role) })
  }

  roleNames(): string[] {
    return [...this.#roles.keys()].sort(byName)
  }

  /** The permissions of a role. */
  permissions(role: string): WirePermission[] {
    return this.#role(role).map(({ permType, key, rangeEnd }) => ({
      permType,
      key: Buffer.from(key, 'latin1'),
      rangeEnd: Buffer.from(rangeEnd, 'latin1'),
    }))
  }

  addRole(role: string): void {
    if (role === '') throw ETCD_ERROR.roleEmpty()
    if (this.#roles.has(role)) throw ETCD_ERROR.roleExists()
    this.#saveRole(role, [])
  }

  deleteRole(role: string): void {
    if (this.#isEnabled && role === ROOT) throw ETCD_ERROR.invalidAuthManagement()
    this.#role(role)
    this.#roles.delete(role)
    for (const [name, user] of this.#users) {
      if (user.roles.includes(role)) {
        this.#users.set(name, { ...user, roles: user.roles.filter((each) => each !== role) })
      }
    }
    this.#revision += 1
  }

  grantPermission(role: string, permission: WirePermission | undefined): void {
    if (permission === undefined) throw ETCD_ERROR.permissionNotGiven()
    const grant = grantOf(permission)
    if (isEmptyGrant(grant)) throw ETCD_ERROR.invalidAuthManagement()
    const grants = this.#role(role)
    const first = grants.findIndex(({ key }) => key >= grant.key)
    const found = grants[first]
    // etcd only compares with the first permission of a key, so another one for the same range is added
    // again.
    if (found?.key === grant.key && found.rangeEnd === grant.rangeEnd) {
      this.#saveRole(role, grants.with(first, grant))
    } else {
      this.#saveRole(
        role,
        [...grants, grant].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)),
      )
    }
  }

  revokePermission(role: string, key: Uint8Array, rangeEnd: Uint8Array): void {
    const grants = this.#role(role)
    const others = grants.filter((each) => each.key !== keyOf(key) || each.rangeEnd !== keyOf(rangeEnd))
    if (others.length === grants.length) throw ETCD_ERROR.permissionNotGranted()
    this.#saveRole(role, others)
  }

  /** The state to persist. */
  state(): AuthState {
    const base64 = (key: string): string => Buffer.from(key, 'latin1').toString('base64')
    const roles = [...this.#roles].map(([role, grants]) => [
      role,
      grants.map(({ permType, key, rangeEnd }) => ({
        permType,
        key: base64(key),
        rangeEnd: base64(rangeEnd),
      })),
    ])
    return {
      isEnabled: this.#isEnabled,
      revision: this.#revision,
      users: Object.fromEntries(this.#users),
      roles: Object.fromEntries(roles),
    }
  }

  /** Restores what `state` returned. Called once, before anything else. */
  restore(state: AuthState): void {
    this.#isEnabled = state.isEnabled
    this.#revision = state.revision
    for (const [name, user] of Object.entries(state.users)) this.#users.set(name, user)
    for (const [role, grants] of Object.entries(state.roles)) {
      const bytes = (text: string): Buffer => Buffer.from(text, 'base64')
      const read = grants.map((grant) =>
        grantOf({ ...grant, key: bytes(grant.key), rangeEnd: bytes(grant.rangeEnd) }),
      )
      this.#roles.set(role, read)
    }
  }

  #role(role: string): readonly Grant[] {
    const grants = this.#roles.get(role)
    if (grants === undefined) throw ETCD_ERROR.roleNotFound()
    return grants
  }

  #saveUser(name: string, user: User): void {
    this.#users.set(name, user)
    this.#revision += 1
  }

  #saveRole(role: string, grants: readonly Grant[]): void {
    this.#roles.set(role, grants)
    this.#revision += 1
  }
}
