import { Auth } from '@livetree/etcd/wire'
import type { AuthStore } from '../auth/auth-store.ts'
import { hashPassword, isPassword, UNUSABLE_HASH } from '../auth/password.ts'
import type { Caller } from '../auth/caller.ts'
import type { Engine } from '../engine.ts'
import { type Route, unary } from '../grpc/service.ts'
import { ETCD_ERROR } from '../status.ts'

/** etcd's Auth service. */
export function authService(engine: Engine): Route[] {
  const { auth, tokens } = engine

  /** Applies a change on behalf of a user with the role `root`. */
  const change = async (caller: Caller, work: (auth: AuthStore) => void) => {
    await engine.changeAuth(() => {
      caller.assertAdmin()
      work(auth)
    })
    return { header: engine.header() }
  }

  const authenticate = async (name: string, password: string): Promise<string> => {
    if (!auth.isEnabled) throw ETCD_ERROR.authNotEnabled()
    const { revision } = auth
    if (!auth.hasUser(name)) throw ETCD_ERROR.authFailed()
    const { passwordHash } = auth.user(name)
    if (passwordHash === undefined) throw ETCD_ERROR.noPasswordUser()
    if (!(await isPassword(password, passwordHash))) throw ETCD_ERROR.authFailed()
    // Users may have changed while the hash was computed.
    return revision === auth.revision ? tokens.assign(name, engine.raftIndex) : authenticate(name, password)
  }

  return [
    unary(Auth.authEnable, (_request, { caller }) => change(caller, () => auth.enable())),
    unary(Auth.authDisable, (_request, { caller }) =>
      change(caller, () => {
        auth.disable()
        tokens.revokeAll()
      }),
    ),
    unary(Auth.authStatus, (_request, { caller }) => {
      caller.assertAdmin()
      return { header: engine.header(), enabled: auth.isEnabled, authRevision: auth.revision }
    }),
    unary(Auth.authenticate, async ({ name, password }) => {
      const token = await authenticate(name, password)
      return { header: engine.header(), token }
    }),

    unary(Auth.userAdd, async ({ name, password, options }, { caller }) => {
      const hash = options?.noPassword === true ? undefined : await hashPassword(password)
      return change(caller, () => auth.addUser(name, hash))
    }),
    unary(Auth.userGet, ({ name }, { caller }) => {
      // A caller without a name may query the empty name, as in etcd, where it is an unknown user.
      if ((caller.user() ?? '') !== name) caller.assertAdmin()
      return { header: engine.header(), roles: auth.user(name).roles }
    }),
    unary(Auth.userList, (_request, { caller }) => {
      caller.assertAdmin()
      return { header: engine.header(), users: auth.userNames() }
    }),
    unary(Auth.userDelete, ({ name }, { caller }) =>
      change(caller, () => {
        auth.deleteUser(name)
        tokens.revokeUser(name)
      }),
    ),
    unary(Auth.userChangePassword, async ({ name, password }, { caller }) => {
      const hash = password === '' ? UNUSABLE_HASH : await hashPassword(password)
      return change(caller, () => {
        auth.changePassword(name, hash)
        tokens.revokeUser(name)
      })
    }),
    unary(Auth.userGrantRole, ({ user, role }, { caller }) =>
      change(caller, () => auth.grantRole(user, role)),
    ),
    unary(Auth.userRevokeRole, ({ name, role }, { caller }) =>
      change(caller, () => auth.revokeRole(name, role)),
    ),

    unary(Auth.roleAdd, ({ name }, { caller }) => change(caller, () => auth.addRole(name))),
    unary(Auth.roleGet, ({ role }, { caller }) => {
      const name = caller.user()
      const isOwn = name !== undefined && auth.hasUser(name) && auth.user(name).roles.includes(role)
      if (!isOwn) caller.assertAdmin()
      return { header: engine.header(), perm: auth.permissions(role) }
    }),
    unary(Auth.roleList, (_request, { caller }) => {
      caller.assertAdmin()
      return { header: engine.header(), roles: auth.roleNames() }
    }),
    unary(Auth.roleDelete, ({ role }, { caller }) => change(caller, () => auth.deleteRole(role))),
    unary(Auth.roleGrantPermission, ({ name, perm }, { caller }) =>
      change(caller, () => auth.grantPermission(name, perm)),
    ),
    unary(Auth.roleRevokePermission, ({ role, key, rangeEnd }, { caller }) =>
      change(caller, () => auth.revokePermission(role, key, rangeEnd)),
    ),
  ]
}
