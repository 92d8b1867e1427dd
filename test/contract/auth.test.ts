import {
  Auth,
  Cluster,
  type Init,
  KV,
  Lease,
  Maintenance,
  type Method,
  PermissionType,
} from '@livetree/etcd/wire'
import { beforeAll, expect, test } from 'vitest'
import type { CallClient, Metadata } from './call-client.ts'
import { eachServerAndWay, prefixEnd } from './contract-server.ts'
import { differs } from './differences.ts'
import { compareNumber, op } from './operations.ts'
import { refusal } from './refusal.ts'
import { shortly, WatchClient } from './watch-client.ts'

const userEmpty = { code: 3, message: 'etcdserver: user name is empty' }
const denied = { code: 7, message: 'etcdserver: permission denied' }
const authFailed = { code: 3, message: 'etcdserver: authentication failed, invalid user ID or password' }
const precondition = (what: string) => ({ code: 9, message: `etcdserver: ${what}` })

const login = async (client: CallClient, name: string, password: string): Promise<Metadata> => ({
  token: (await client.call(Auth.authenticate, { name, password })).token,
})

eachServerAndWay('Auth that is off', (server) => {
  const current = server.use()

  const permit = (name: string, key: string, rangeEnd: string, permType = 2) =>
    current().client.call(Auth.roleGrantPermission, { name, perm: { permType, key, rangeEnd } })

  test('60 a permission for a range that holds no key is refused', async () => {
    const { client } = current()
    const name = 'empty-ranges'
    await client.call(Auth.roleAdd, { name })
    const invalid = { code: 3, message: 'etcdserver: invalid auth management' }
    const empty = [
      ...[
        ['', ''],
        ['', '\0'],
        ['', 'a'],
        ['a', 'a'],
        ['b', 'a'],
        ['a\0', 'a'],
        ['c', '\0\0'],
      ],
    ] as [string, string][]
    for (const [key, end] of empty) {
      const granting = permit(name, key, end)
      if (differs(server, 'anyPermission')) await granting
      else expect(await refusal(granting)).toEqual(invalid)
    }
    for (const [key, end] of [
      ['a', ''],
      ['a', '\0'],
      ['a', 'a\0'],
      ['\0', '\0'],
      ['\0', '\0\0'],
    ] as const) {
      await permit(name, key, end)
    }
    if (differs(server, 'anyPermission')) {
      await client.call(Auth.roleDelete, { role: name })
      return
    }
    expect(await refusal(permit('nobody', 'b', 'a'))).toEqual(invalid)
    const { perm } = await client.call(Auth.roleGet, { role: name })
    expect(perm.length).toBe(5)
    expect(await refusal(client.call(Auth.roleGrantPermission, { name }))).toEqual({
      code: 3,
      message: 'etcdserver: permission not given',
    })
    await client.call(Auth.roleDelete, { role: name })
  })

  test('60 RoleGet gives permissions by key, those of a key as they were granted', async () => {
    const { client } = current()
    const name = 'ordered'
    await client.call(Auth.roleAdd, { name })
    const granted = [
      ...[
        ['m', 'n', 0],
        ['m', '', 1],
        ['m', 'z', 2],
        ['m', 'mm', 0],
        ['m', 'n', 2],
        ['m', 'z', 1],
      ],
      ...[
        ['l', 'zz', 0],
        ['l', 'zy', 0],
        ['z', '', 0],
        ['l', '\0', 1],
        ['l', 'zy', 2],
      ],
    ] as [string, string, number][]
    for (const [key, end, type] of granted) await permit(name, key, end, type)
    const shown = async () =>
      (await client.call(Auth.roleGet, { role: name })).perm.map(
        ({ key, rangeEnd, permType }) => `${key} ${rangeEnd} ${permType}`,
      )
    // Only the first permission of a key is replaced; a further one of the same range comes once more.
    expect(await shown()).toEqual([
      ...['l zz 0', 'l zy 0', 'l \0 1', 'l zy 2'],
      ...['m n 2', 'm  1', 'm z 2', 'm mm 0', 'm z 1', 'z  0'],
    ])
    await client.call(Auth.roleRevokePermission, { role: name, key: 'm', rangeEnd: 'z' })
    expect((await shown()).slice(4)).toEqual(['m n 2', 'm  1', 'm mm 0', 'z  0'])
    await client.call(Auth.roleDelete, { role: name })
  })

  test('60 a password of more than 72 bytes is refused', async () => {
    const { client } = current()
    const tooLong = { code: 2, message: 'bcrypt: password length exceeds 72 bytes' }
    await client.call(Auth.userAdd, { name: 'long-72', password: 'x'.repeat(72) })
    const adding = client.call(Auth.userAdd, { name: 'long-73', password: 'ä'.repeat(37) })
    if (differs(server, 'longPassword')) await adding
    else expect(await refusal(adding)).toEqual(tooLong)
    const changing = client.call(Auth.userChangePassword, { name: 'long-72', password: 'x'.repeat(73) })
    if (differs(server, 'longPassword')) await changing
    else expect(await refusal(changing)).toEqual(tooLong)
    for (const name of (await client.call(Auth.userList, {})).users)
      await client.call(Auth.userDelete, { name })
  })

  test('60 UserGet of no name is an unknown user', async () => {
    expect(await refusal(current().client.call(Auth.userGet, { name: '' }))).toEqual(
      precondition('user name not found'),
    )
  })

  test('60 authenticate is refused with 9, and calls need no token', async () => {
    const { client } = current()
    expect(await refusal(client.call(Auth.authenticate, { name: 'a', password: 'b' }))).toEqual(
      precondition('authentication is not enabled'),
    )
    expect((await client.call(KV.put, { key: 'k', value: '1' })).header?.revision).toBe(2)
    const bad = client.call(KV.put, { key: 'k', value: '1' }, { token: 'nonsense' })
    if (differs(server, 'tokenReadWhileAuthIsOff')) expect((await refusal(bad)).code).toBe(16)
    else expect((await bad).header?.revision).toBe(3)
  })

  test('60 auth needs a user root with the role root', async () => {
    const { client } = current()
    expect(await refusal(client.call(Auth.authEnable, {}))).toEqual(precondition('root user does not exist'))
    await client.call(Auth.userAdd, { name: 'root', password: 'pw' })
    expect(await refusal(client.call(Auth.authEnable, {}))).toEqual(
      precondition('root user does not have root role'),
    )
    await client.call(Auth.userDelete, { name: 'root' })
  })

  test('60 users: added once, listed in order, deleted', async () => {
    const { client } = current()
    for (const name of ['bob', 'alice']) await client.call(Auth.userAdd, { name, password: 'pw' })
    expect(await refusal(client.call(Auth.userAdd, { name: 'bob', password: 'pw' }))).toEqual(
      precondition('user name already exists'),
    )
    expect(await refusal(client.call(Auth.userAdd, { name: '', password: 'pw' }))).toEqual(userEmpty)
    expect((await client.call(Auth.userList, {})).users).toEqual(['alice', 'bob'])
    await client.call(Auth.userDelete, { name: 'bob' })
    expect((await client.call(Auth.userList, {})).users).toEqual(['alice'])
    const missing = precondition('user name not found')
    expect(await refusal(client.call(Auth.userDelete, { name: 'bob' }))).toEqual(missing)
    expect(await refusal(client.call(Auth.userGet, { name: 'bob' }))).toEqual(missing)
    expect(await refusal(client.call(Auth.userChangePassword, { name: 'bob', password: 'x' }))).toEqual(
      missing,
    )
    expect(await refusal(client.call(Auth.userGrantRole, { user: 'bob', role: 'root' }))).toEqual(missing)
    expect(await refusal(client.call(Auth.userRevokeRole, { name: 'bob', role: 'root' }))).toEqual(missing)
  })

  test('60 roles: added once, granted, listed in order, deleted from their users', async () => {
    const { client } = current()
    for (const name of ['w', 'r']) await client.call(Auth.roleAdd, { name })
    expect(await refusal(client.call(Auth.roleAdd, { name: 'w' }))).toEqual(
      precondition('role name already exists'),
    )
    expect(await refusal(client.call(Auth.roleAdd, { name: '' }))).toEqual({
      code: 3,
      message: 'etcdserver: role name is empty',
    })
    expect((await client.call(Auth.roleList, {})).roles).toEqual(['r', 'w'])
    for (const role of ['w', 'r', 'r']) await client.call(Auth.userGrantRole, { user: 'alice', role })
    expect((await client.call(Auth.userGet, { name: 'alice' })).roles).toEqual(['r', 'w'])
    await client.call(Auth.userRevokeRole, { name: 'alice', role: 'w' })
    expect(await refusal(client.call(Auth.userRevokeRole, { name: 'alice', role: 'w' }))).toEqual(
      precondition('role is not granted to the user'),
    )
    await client.call(Auth.roleDelete, { role: 'r' })
    expect((await client.call(Auth.userGet, { name: 'alice' })).roles).toEqual([])
    const missing = precondition('role name not found')
    expect(await refusal(client.call(Auth.roleDelete, { role: 'r' }))).toEqual(missing)
    expect(await refusal(client.call(Auth.roleGet, { role: 'r' }))).toEqual(missing)
    expect(await refusal(client.call(Auth.userGrantRole, { user: 'alice', role: 'r' }))).toEqual(missing)
    const perm = { permType: PermissionType.read, key: 'a' }
    expect(await refusal(client.call(Auth.roleGrantPermission, { name: 'r', perm }))).toEqual(missing)
  })

  test('60 permissions: granted, replaced for the same range, revoked', async () => {
    const { client } = current()
    await client.call(Auth.roleAdd, { name: 'p' })
    const grant = (permType: number, key: string, rangeEnd = '') =>
      client.call(Auth.roleGrantPermission, { name: 'p', perm: { permType, key, rangeEnd } })
    await grant(PermissionType.read, 'b', 'c')
    await grant(PermissionType.write, 'a')
    await grant(PermissionType.readWrite, 'b', 'c')
    const shown = async () =>
      (await client.call(Auth.roleGet, { role: 'p' })).perm.map(
        ({ permType, key, rangeEnd }) => `${permType} ${key} ${rangeEnd}`,
      )
    expect(await shown()).toEqual(['1 a ', '2 b c'])
    await client.call(Auth.roleRevokePermission, { role: 'p', key: 'b', rangeEnd: 'c' })
    expect(await shown()).toEqual(['1 a '])
    expect(
      await refusal(client.call(Auth.roleRevokePermission, { role: 'p', key: 'b', rangeEnd: 'c' })),
    ).toEqual(precondition('permission is not granted to the role'))
    await client.call(Auth.roleDelete, { role: 'p' })
  })
})

eachServerAndWay('Auth that is on', (server) => {
  const current = server.use()
  let root: Metadata
  let alice: Metadata

  // Alice reads and writes a/, reads b/, and writes c/ without reading it.
  beforeAll(async () => {
    const { client } = current()
    const password = 'pw'
    for (const name of ['root', 'alice']) await client.call(Auth.userAdd, { name, password })
    for (const name of ['root', 'r']) await client.call(Auth.roleAdd, { name })
    const grant = (permType: number, prefix: string) =>
      client.call(Auth.roleGrantPermission, {
        name: 'r',
        perm: { permType, key: prefix, rangeEnd: prefixEnd(prefix) },
      })
    await grant(PermissionType.readWrite, 'a/')
    await grant(PermissionType.read, 'b/')
    await grant(PermissionType.write, 'c/')
    await client.call(Auth.userGrantRole, { user: 'root', role: 'root' })
    await client.call(Auth.userGrantRole, { user: 'alice', role: 'r' })
    await client.call(Auth.authEnable, {})
    root = await login(client, 'root', password)
    alice = await login(client, 'alice', password)
  })

  test('60 without a token calls are refused with 3', async () => {
    const { client } = current()
    expect(await refusal(client.call(KV.range, { key: 'a/1' }))).toEqual(userEmpty)
    expect(await refusal(client.call(KV.put, { key: 'a/1', value: '1' }))).toEqual(userEmpty)
    expect(await refusal(client.call(KV.deleteRange, { key: 'a/1' }))).toEqual(userEmpty)
    expect(await refusal(client.call(KV.txn, { success: [op.range({ key: 'a/1' })] }))).toEqual(userEmpty)
    expect(await refusal(client.call(Auth.userList, {}))).toEqual(userEmpty)
    expect(await refusal(client.call(Auth.authDisable, {}))).toEqual(userEmpty)
  })

  test('60 UserGet of no name by nobody is an unknown user, of another name needs a user', async () => {
    const { client } = current()
    expect(await refusal(client.call(Auth.userGet, { name: '' }))).toEqual(
      precondition('user name not found'),
    )
    expect(await refusal(client.call(Auth.userGet, { name: 'eve' }))).toEqual(userEmpty)
  })

  test('60 a bad token is refused with 16', async () => {
    const { client } = current()
    const expected = { code: 16, message: 'etcdserver: invalid auth token' }
    const bad = { token: 'nonsense.1' }
    expect(await refusal(client.call(KV.range, { key: 'a/1' }, bad))).toEqual(expected)
    expect(await refusal(client.call(KV.put, { key: 'a/1', value: '1' }, bad))).toEqual(expected)
    expect(await refusal(client.call(Lease.grant, { ttl: 60 }, bad))).toEqual(expected)
    expect(await refusal(client.call(KV.compact, { revision: 1 }, bad))).toEqual(expected)
    expect(await refusal(client.call(Auth.userGet, { name: 'alice' }, bad))).toEqual(expected)
  })

  test('60 the calls that are not about keys', async () => {
    const { client } = current()
    const outcomeOf = async <Req, Res>(method: Method<Req, Res>, request: Init<Req>, metadata?: Metadata) =>
      client.call(method, request, metadata).then(
        () => 'answered',
        ({ code, message }) => `${code} ${message}`,
      )
    const calls = async (metadata?: Metadata): Promise<Record<string, string>> => ({
      grant: await outcomeOf(Lease.grant, { ttl: 60, id: 91n }, metadata),
      timeToLive: await outcomeOf(Lease.timeToLive, { id: 91n }, metadata),
      leases: await outcomeOf(Lease.leases, {}, metadata),
      revoke: await outcomeOf(Lease.revoke, { id: 91n }, metadata),
      alarms: await outcomeOf(Maintenance.alarm, {}, metadata),
      memberList: await outcomeOf(Cluster.memberList, {}, metadata),
      disarm: await outcomeOf(Maintenance.alarm, { action: 2, alarm: 1 }, metadata),
      status: await outcomeOf(Maintenance.status, {}, metadata),
      compact: await outcomeOf(KV.compact, { revision: 1_000_000 }, metadata),
      hashKv: await (server.isJson && differs(server, 'noPathForHashKv')
        ? outcomeOf(Maintenance.hash, {}, metadata)
        : outcomeOf(Maintenance.hashKv, {}, metadata)),
      defragment: await outcomeOf(Maintenance.defragment, {}, metadata),
    })
    const future = '11 etcdserver: mvcc: required revision is a future revision'
    const isOpen = differs(server, 'fewCallsNeedToken')
    /** What calls on leases and reading calls give, what the operator's calls give, and those auth leaves raw. */
    const expected = (known: string, admin: string, raw: string) => ({
      ...Object.fromEntries(
        ['grant', 'timeToLive', 'leases', 'revoke', 'alarms', 'memberList'].map((name) => [name, known]),
      ),
      disarm: admin,
      status: admin,
      compact: admin === 'answered' ? future : admin,
      hashKv: raw,
      defragment: raw,
    })
    const open = 'answered'
    const empty = isOpen ? open : '3 etcdserver: user name is empty'
    expect(await calls()).toEqual(expected(empty, empty, '2 auth: user name is empty'))
    const forbidden = isOpen ? open : '7 etcdserver: permission denied'
    expect(await calls(alice)).toEqual(expected(open, forbidden, '2 auth: permission denied'))
    expect(await calls(root)).toEqual(expected(open, open, open))
  })

  test('60 a wrong password, user or role is refused with 3', async () => {
    const { client } = current()
    expect(await refusal(login(client, 'alice', 'wrong'))).toEqual(authFailed)
    expect(await refusal(login(client, 'nobody', 'pw'))).toEqual(authFailed)
  })

  test('60 a user without a password cannot log in by one', async () => {
    const { client } = current()
    await client.call(Auth.userAdd, { name: 'cert', options: { noPassword: true } }, root)
    const expected = {
      code: 2,
      message: 'auth: authentication failed, password was given for no password user',
    }
    expect(await refusal(login(client, 'cert', ''))).toEqual(expected)
    await client.call(Auth.userChangePassword, { name: 'cert', password: 'pw' }, root)
    expect(await refusal(login(client, 'cert', 'pw'))).toEqual(expected)
    await client.call(Auth.userDelete, { name: 'cert' }, root)
  })

  test('60 the token goes raw in `token` or `authorization`', async () => {
    const { client } = current()
    await client.call(KV.put, { key: 'a/1', value: '1' }, alice)
    const asAuthorization = { authorization: alice.token! }
    expect((await client.call(KV.range, { key: 'a/1' }, asAuthorization)).count).toBe(1)
    expect(
      (await refusal(client.call(KV.range, { key: 'a/1' }, { token: `Bearer ${alice.token}` }))).code,
    ).toBe(16)
  })

  test('60 foreign keys and ranges are refused with 7', async () => {
    const { client } = current()
    const call = <Req, Res>(method: Method<Req, Res>, request: Init<Req>) =>
      client.call(method, request, alice)
    await client.call(KV.put, { key: 'b/1', value: 'b' }, root)
    expect((await call(KV.range, { key: 'b/1' })).count).toBe(1)
    expect((await call(KV.range, { key: 'a/', rangeEnd: 'a0' })).more).toBe(false)
    await call(KV.put, { key: 'c/1', value: 'c' })
    const refused: (() => Promise<unknown>)[] = [
      () => call(KV.put, { key: 'b/1', value: 'x' }),
      () => call(KV.put, { key: 'z', value: 'x' }),
      () => call(KV.put, { key: 'c/1', value: 'x', prevKv: true }),
      () => call(KV.range, { key: 'c/1' }),
      () => call(KV.range, { key: 'a/', rangeEnd: 'a1' }),
      () => call(KV.range, { key: 'a/', rangeEnd: 'c/' }),
      () => call(KV.range, { key: 'a/', rangeEnd: '\0' }),
      () => call(KV.range, { key: '\0', rangeEnd: '\0' }),
      () => call(KV.deleteRange, { key: 'b/1' }),
      () => call(KV.deleteRange, { key: 'c/', rangeEnd: 'c0', prevKv: true }),
      () => call(KV.txn, { compare: [compareNumber('c/1', 'version', 'equal', 0)] }),
      () =>
        call(KV.txn, { success: [op.put({ key: 'a/1', value: 'x' })], failure: [op.range({ key: 'z' })] }),
      () => call(Auth.userList, {}),
      () => call(Auth.userGet, { name: 'root' }),
      () => call(Auth.roleGet, { role: 'root' }),
      () => call(Auth.authDisable, {}),
    ]
    for (const each of refused) expect(await refusal(each())).toEqual(denied)
    expect((await call(Auth.userGet, { name: 'alice' })).roles).toEqual(['r'])
    expect((await call(Auth.roleGet, { role: 'r' })).perm.length).toBe(3)
    await call(KV.deleteRange, { key: 'c/', rangeEnd: 'c0' })
  })

  test('60 a transaction may not do what its parts may not', async () => {
    const { client } = current()
    await client.call(Lease.grant, { ttl: 60, id: 94n }, root)
    await client.call(KV.put, { key: 'z', value: '1', lease: 94n }, root)
    const forbidden = [
      op.put({ key: 'c/1', value: 'x', prevKv: true }),
      op.put({ key: 'a/1', value: 'x', lease: 94n }),
      op.txn({ success: [op.delete({ key: 'b/1' })] }),
    ]
    for (const operation of forbidden) {
      const txn = client.call(KV.txn, { success: [operation] }, alice)
      if (differs(server, 'txnHardlyChecked')) expect((await txn).succeeded).toBe(true)
      else expect(await refusal(txn)).toEqual(denied)
    }
    await client.call(Lease.revoke, { id: 94n }, root)
  })

  test('60 a lease with foreign keys may not be used or revoked', async () => {
    const { client } = current()
    await client.call(Lease.grant, { ttl: 60, id: 92n }, root)
    await client.call(KV.put, { key: 'z', value: '1', lease: 92n }, root)
    expect(await refusal(client.call(KV.put, { key: 'a/1', value: '1', lease: 92n }, alice))).toEqual(denied)
    expect(await refusal(client.call(Lease.revoke, { id: 92n }, alice))).toEqual(denied)
    await client.call(Lease.revoke, { id: 92n }, root)
  })

  test('60 changing a password, or deleting the user, ends the tokens', async () => {
    const { client } = current()
    await client.call(Auth.userAdd, { name: 'carol', password: 'one' }, root)
    await client.call(Auth.userGrantRole, { user: 'carol', role: 'r' }, root)
    const first = await login(client, 'carol', 'one')
    expect((await client.call(KV.range, { key: 'a/1' }, first)).header).toBeDefined()
    await client.call(Auth.userChangePassword, { name: 'carol', password: 'two' }, root)
    expect((await refusal(client.call(KV.range, { key: 'a/1' }, first))).code).toBe(16)
    expect(await refusal(login(client, 'carol', 'one'))).toEqual(authFailed)
    const second = await login(client, 'carol', 'two')
    await client.call(Auth.userDelete, { name: 'carol' }, root)
    expect((await refusal(client.call(KV.range, { key: 'a/1' }, second))).code).toBe(16)
  })

  test('60 a permission counts from when it is granted until it is revoked', async () => {
    const { client } = current()
    const perm = { permType: PermissionType.read, key: 'd' }
    expect(await refusal(client.call(KV.range, { key: 'd' }, alice))).toEqual(denied)
    await client.call(Auth.roleGrantPermission, { name: 'r', perm }, root)
    expect((await client.call(KV.range, { key: 'd' }, alice)).count).toBe(0)
    await client.call(Auth.roleRevokePermission, { role: 'r', key: 'd' }, root)
    expect(await refusal(client.call(KV.range, { key: 'd' }, alice))).toEqual(denied)
  })

  test('60 two permissions side by side cover the range over both', async () => {
    const { client } = current()
    for (const [key, rangeEnd] of [
      ['e1', 'e2'],
      ['e2', 'e3'],
    ] as const) {
      const perm = { permType: PermissionType.read, key, rangeEnd }
      await client.call(Auth.roleGrantPermission, { name: 'r', perm }, root)
    }
    expect((await client.call(KV.range, { key: 'e1', rangeEnd: 'e3' }, alice)).count).toBe(0)
    expect(await refusal(client.call(KV.range, { key: 'e1', rangeEnd: 'e4' }, alice))).toEqual(denied)
    expect(await refusal(client.call(KV.range, { key: 'e0', rangeEnd: 'e3' }, alice))).toEqual(denied)
  })

  test('60 root keeps its role, and the role stays, while auth is on', async () => {
    const { client } = current()
    const invalid = { code: 3, message: 'etcdserver: invalid auth management' }
    expect(await refusal(client.call(Auth.userDelete, { name: 'root' }, root))).toEqual(invalid)
    expect(await refusal(client.call(Auth.roleDelete, { role: 'root' }, root))).toEqual(invalid)
    expect(await refusal(client.call(Auth.userRevokeRole, { name: 'root', role: 'root' }, root))).toEqual(
      invalid,
    )
    const { perm } = await client.call(Auth.roleGet, { role: 'root' }, root)
    expect(perm).toEqual([])
  })

  test.skipIf(!server.isDuplex)('60 keepalive needs a token', async () => {
    const { client } = current()
    await client.call(Lease.grant, { ttl: 60, id: 93n }, alice)
    const stream = client.open(Lease.keepAlive)
    stream.send({ id: 93n })
    if (differs(server, 'fewCallsNeedToken')) expect((await stream.next()).ttl).toBe(60)
    else expect(await refusal(stream.next())).toEqual(userEmpty)
    stream.reset()
    const allowed = client.open(Lease.keepAlive, alice)
    allowed.send({ id: 93n })
    expect((await allowed.next()).ttl).toBe(60)
    allowed.reset()
  })

  test.skipIf(!server.isDuplex)(
    '61 a watch that is not allowed is refused on the stream: created, canceled, -1',
    async () => {
      const { client } = current()
      const refused = async (metadata: Metadata | undefined, key: string): Promise<string> => {
        const watch = new WatchClient(client, metadata)
        const response = await watch.create({ key })
        expect(response).toMatchObject({ created: true, canceled: true, watchId: -1 })
        watch.stream.reset()
        return response.cancelReason
      }
      expect(await refused(alice, 'z')).toBe(
        'rpc error: code = PermissionDenied desc = etcdserver: permission denied',
      )
      expect(await refused(undefined, 'a/1')).toBe(
        'rpc error: code = InvalidArgument desc = etcdserver: user name is empty',
      )
      expect(await refused({ token: 'nonsense.1' }, 'a/1')).toBe(
        'rpc error: code = Unauthenticated desc = etcdserver: invalid auth token',
      )
    },
  )

  test.skipIf(!server.isDuplex)('61 the stream goes on after a refused watch', async () => {
    const { client } = current()
    const watch = new WatchClient(client, alice)
    expect((await watch.create({ key: 'z' })).canceled).toBe(true)
    const { watchId } = await watch.create({ key: 'a/', rangeEnd: 'a0' })
    await client.call(KV.put, { key: 'a/2', value: '2' }, alice)
    expect(await watch.next()).toMatchObject({ watchId })
    expect(watchId).toBe(0)
    watch.stream.reset()
  })

  test.skipIf(!server.isDuplex)('60 disabling auth opens the store again and ends the tokens', async () => {
    const { client } = current()
    await client.call(Auth.authDisable, {}, root)
    expect((await client.call(KV.range, { key: 'z' })).header).toBeDefined()
    await client.call(Auth.authEnable, {})
    expect((await refusal(client.call(KV.range, { key: 'z' }, root))).code).toBe(16)
    root = await login(client, 'root', 'pw')
    const watch = new WatchClient(client, root)
    await watch.create({ key: 'z' })
    await client.call(KV.put, { key: 'z', value: 'end' }, root)
    expect((await watch.events(1)).map(shortly)).toEqual(['put z=end'])
    watch.stream.reset()
  })
})
