import { expect, test } from 'vitest'
import { createEtcdClient, type EtcdClient } from './client.ts'
import { EtcdError } from './errors.ts'
import { op } from './kv/txn.ts'
import { startFakeServer } from './transport/fake-server.test.kit.ts'
import { encodeFrame } from './wire/frame.ts'
import { RangeResponse } from './wire/kv.ts'
import { AlarmRequest, AlarmResponse, StatusResponse } from './wire/maintenance.ts'
import * as rpc from './wire/rpc.ts'

const HEADER = { clusterId: 1n, memberId: 2n, revision: 5, raftTerm: 3 }

interface Control {
  readonly timeoutMs: number
}

type Run = (client: EtcdClient, control: Control, endpoint: string) => Promise<unknown>

/** By unary method, what the client offers that changes something. */
const WRITES: Record<string, Run> = {
  'KV/Put': ({ kv }, control) => kv.put('k', 'v', control),
  'KV/DeleteRange': ({ kv }, control) => kv.delete('k', control),
  'KV/Txn': ({ kv }, control) => kv.txn().then(op.put('k', 'v')).commit(control),
  'KV/Compact': ({ kv }, control) => kv.compact(5, control),
  'Lease/LeaseGrant': ({ lease }, control) => lease.grant({ ttlSeconds: 60, ...control }),
  'Lease/LeaseRevoke': ({ lease }, control) => lease.revoke(7n, control),
  'Cluster/MemberAdd': ({ cluster }, control) =>
    cluster.addMember({ peerUrls: ['http://a:2380'], ...control }),
  'Cluster/MemberRemove': ({ cluster }, control) => cluster.removeMember(7n, control),
  'Cluster/MemberUpdate': ({ cluster }, control) =>
    cluster.updateMember(7n, { peerUrls: ['http://a:2380'], ...control }),
  'Cluster/MemberPromote': ({ cluster }, control) => cluster.promoteMember(7n, control),
  'Maintenance/Alarm': ({ maintenance }, control) => maintenance.disarmAlarms({}, control),
  'Maintenance/Defragment': ({ maintenance }, control, endpoint) =>
    maintenance.defragment({ ...control, endpoint }),
  'Maintenance/MoveLeader': ({ maintenance }, control) => maintenance.moveLeader(7n, control),
  'Auth/AuthEnable': ({ authAdmin }, control) => authAdmin.enable(control),
  'Auth/AuthDisable': ({ authAdmin }, control) => authAdmin.disable(control),
  'Auth/UserAdd': ({ authAdmin }, control) => authAdmin.users.add('u', { password: 'p', ...control }),
  'Auth/UserDelete': ({ authAdmin }, control) => authAdmin.users.delete('u', control),
  'Auth/UserChangePassword': ({ authAdmin }, control) => authAdmin.users.changePassword('u', 'p', control),
  'Auth/UserGrantRole': ({ authAdmin }, control) => authAdmin.users.grantRole('u', 'r', control),
  'Auth/UserRevokeRole': ({ authAdmin }, control) => authAdmin.users.revokeRole('u', 'r', control),
  'Auth/RoleAdd': ({ authAdmin }, control) => authAdmin.roles.add('r', control),
  'Auth/RoleDelete': ({ authAdmin }, control) => authAdmin.roles.delete('r', control),
  'Auth/RoleGrantPermission': ({ authAdmin }, control) =>
    authAdmin.roles.grant('r', { range: { prefix: 'k' }, access: 'read' }, control),
  'Auth/RoleRevokePermission': ({ authAdmin }, control) =>
    authAdmin.roles.revoke('r', { prefix: 'k' }, control),
}

/** By method, what only reads: its error keeps the code that says why there is no answer. */
const READS: Record<string, Run> = {
  'KV/Range': ({ kv }, control) => kv.get('k', control),
  'Lease/LeaseTimeToLive': ({ lease }, control) => lease.timeToLive(7n, control),
  'Lease/LeaseLeases': ({ lease }, control) => lease.list(control),
  'Cluster/MemberList': ({ cluster }, control) => cluster.members(control),
  'Maintenance/Status': ({ maintenance }, control) => maintenance.status(control),
  'Maintenance/HashKV': ({ maintenance }, control) => maintenance.hashKv(control),
  'Auth/AuthStatus': ({ authAdmin }, control) => authAdmin.status(control),
  'Auth/UserGet': ({ authAdmin }, control) => authAdmin.users.roles('u', control),
  'Auth/UserList': ({ authAdmin }, control) => authAdmin.users.list(control),
  'Auth/RoleGet': ({ authAdmin }, control) => authAdmin.roles.permissions('r', control),
  'Auth/RoleList': ({ authAdmin }, control) => authAdmin.roles.list(control),
}

/** Methods that stream, whose answer nobody but the client itself sees, or that the client does not offer. */
const OTHERS = [
  'Watch/Watch',
  'Lease/LeaseKeepAlive',
  'Maintenance/Snapshot',
  'Auth/Authenticate',
  'Maintenance/Hash',
]

test('every method of the wire is a write, a read, or none of the two here', () => {
  const { KV, Watch, Lease, Cluster, Maintenance, Auth } = rpc
  const all = [KV, Watch, Lease, Cluster, Maintenance, Auth].flatMap((service) =>
    Object.values(service).map(({ path }) => path.replace('/etcdserverpb.', '')),
  )
  expect([...Object.keys(WRITES), ...Object.keys(READS), ...OTHERS].sort()).toEqual(all.sort())
})

const LOSSES = ['cuts the connection', 'is mute'] as const

type Loss = (typeof LOSSES)[number]

/** A server that answers what comes before a request, and neither that request nor what comes after it. */
async function startSwallowing(method: string, loss: Loss) {
  let [isArmed, hasIt] = [false, false]
  const server = await startFakeServer((call) => {
    const { name, messages, session } = call
    const isQuestion = name === 'Maintenance/Alarm' && AlarmRequest.decode(messages[0]!).action === 0
    hasIt ||= isArmed && name === method && !isQuestion
    if (hasIt && loss === 'cuts the connection') session.destroy()
    if (hasIt) return
    if (isQuestion)
      call.answer(encodeFrame(AlarmResponse, { header: HEADER, alarms: [{ memberId: 2n, alarm: 1 }] }))
    else if (name === 'Maintenance/Status')
      call.answer(encodeFrame(StatusResponse, { header: { ...HEADER }, leader: 2n }))
    else call.answer(encodeFrame(RangeResponse, { header: HEADER }))
  })
  return { ...server, arm: () => (isArmed = true) }
}

async function errorOf(method: string, run: Run, loss: Loss): Promise<EtcdError> {
  const server = await startSwallowing(method, loss)
  const { endpoint } = server
  const client = createEtcdClient({ endpoints: endpoint, backoff: { minMs: 1, maxMs: 20 } })
  try {
    await client.kv.get('warm')
    server.arm()
    await run(client, { timeoutMs: 400 }, endpoint)
    throw new Error(`${method}: there was no error`)
  } catch (error) {
    if (error instanceof EtcdError) return error
    throw error
  } finally {
    await client.close()
    await server.close()
  }
}

const rows = (calls: Record<string, Run>) =>
  Object.entries(calls).flatMap(([method, run]) => LOSSES.map((loss) => ({ method, run, loss })))

test.concurrent.each(rows(WRITES))(
  '$method at a server that $loss: its outcome is unknown, and what to look at is said',
  async ({ method, run, loss }) => {
    const error = await errorOf(method, run, loss)
    expect(error).toMatchObject({ code: 'outcome_unknown', fate: 'unknown', call: method })
    expect(error.what).toMatch(/^the write was sent, but /)
    const [service = ''] = method.split('/')
    const whatToLookAt = { KV: /key|revision/, Lease: /lease/, Cluster: /members/, Auth: /users|roles/ }
    expect(error.remedy).toMatch(Reflect.get(whatToLookAt, service) ?? /member/)
    expect(error.remedy).not.toMatch(/Reads are/)
    expect(/^Read the key back/.test(error.remedy)).toBe(
      ['KV/Put', 'KV/DeleteRange', 'KV/Txn'].includes(method),
    )
  },
)

test.concurrent.each(rows(READS))(
  '$method at a server that $loss is no write',
  async ({ method, run, loss }) => {
    const error = await errorOf(method, run, loss)
    expect(['connection_lost', 'deadline_exceeded', 'unavailable', 'connect_failed']).toContain(error.code)
    expect(error.message).not.toMatch(/write/)
  },
)

test('a lease that may have been granted is named', async () => {
  const error = await errorOf('Lease/LeaseGrant', WRITES['Lease/LeaseGrant']!, 'is mute')
  expect(error.what).toMatch(/lease \d+ /)
})

/** Writes that read the key back when they get no answer. */
const READ_BACK: Record<string, Run> = {
  append: ({ kv }, control) => kv.append('k', 'v', control),
  create: ({ kv }, control) => kv.create('k', 'v', control),
  'swap of nothing': ({ kv }, control) => kv.compareAndSwap('k', 'v', { expectedRevision: 0, ...control }),
  'swap by revision': ({ kv }, control) => kv.compareAndSwap('k', 'v', { expectedRevision: 4, ...control }),
}

test.concurrent.each(
  Object.entries(READ_BACK).flatMap(([name, run]) => LOSSES.map((loss) => ({ name, run, loss }))),
)(
  '$name at a server that $loss, also when the key is read back: nothing is said of the key',
  async ({ run, loss }) => {
    const { code, fate, what } = await errorOf('KV/Txn', run, loss)
    expect([code, fate]).toEqual(['outcome_unknown', 'unknown'])
    expect(what).toMatch(/; it was not sent again; the key was read back, without an answer$/)
  },
)
