import { expect, test } from 'vitest'
import { encodeFrame } from '../wire/frame.ts'
import { LeaseGrantResponse } from '../wire/lease.ts'
import { RangeResponse } from '../wire/kv.ts'
import { StatusResponse } from '../wire/maintenance.ts'
import { Lease } from '../wire/rpc.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import { startFakeServer, testChannel } from './fake-server.test.kit.ts'

const OLD = 0x8e9e05c52164694dn
const NEW = 0x1n
const CLOSING = closedAfterEach()

/** A member that grants leases, and refuses all else in the words of etcd. */
async function startMember(
  clusterId: bigint,
  refusal = [5, 'etcdserver: requested lease not found'] as const,
) {
  const state = { clusterId, isSilent: false }
  const fake = await startFakeServer((call) => {
    const header = { clusterId: state.clusterId, memberId: 2n, revision: 5, raftTerm: 3 }
    if (call.name === 'Maintenance/Status') {
      if (!state.isSilent) call.answer(encodeFrame(StatusResponse, { header }))
    } else if (call.name === 'Lease/LeaseGrant')
      call.answer(encodeFrame(LeaseGrantResponse, { header, id: 5n, ttl: 9 }))
    else call.refuse(...refusal)
  })
  CLOSING.push(() => fake.close())
  const asked = () => fake.calls.filter(({ name }) => name === 'Maintenance/Status').length
  const swap = (to: bigint): void => {
    state.clusterId = to
    for (const session of fake.sessions) session.destroy()
  }
  return { ...fake, state, asked, swap }
}

function setUp(urls: readonly string[]) {
  const channel = testChannel(urls, { backoff: { minMs: 1, maxMs: 5, factor: 2, jitter: 0.5 } })
  CLOSING.push(() => channel.close())
  const grant = () => channel.unary(Lease.grant, { ttl: 9, id: 5n }, { retry: 'write' })
  const revoke = (retry: 'read' | 'write' = 'write') =>
    channel.unary(Lease.revoke, { id: 5n }, { retry, timeoutMs: 5_000 }).catch((error: unknown) => error)
  return { channel, grant, revoke }
}

test('a refusal over a connection that has answered costs nothing more', async () => {
  const member = await startMember(OLD)
  const { grant, revoke } = setUp([member.endpoint])
  await grant()
  for (let index = 0; index < 3; index += 1) expect(await revoke()).toMatchObject({ code: 'lease_not_found' })
  expect(member.asked()).toBe(0)
})

test('a refusal over a new connection counts once its member has said who it is, which is asked once', async () => {
  const member = await startMember(OLD)
  const { grant, revoke } = setUp([member.endpoint])
  await grant()
  member.swap(OLD)
  for (let index = 0; index < 3; index += 1)
    expect(await revoke('read')).toMatchObject({ code: 'lease_not_found', fate: expect.any(String) })
  expect(member.asked()).toBe(1)
})

test.each([
  [5, 'etcdserver: requested lease not found'],
  [11, 'etcdserver: mvcc: required revision has been compacted'],
  [11, 'etcdserver: mvcc: required revision is a future revision'],
  [3, 'etcdserver: key not found'],
  [9, 'etcdserver: user name already exists'],
  [7, 'etcdserver: permission denied'],
] as const)('%i "%s" of another cluster is no fact about this one', async (code, message) => {
  const member = await startMember(OLD, [code, message] as never)
  const { grant, revoke } = setUp([member.endpoint])
  await grant()
  member.swap(NEW)
  expect(await revoke('read')).toMatchObject({ code: 'cluster_changed' })
})

test('a write that a member of another cluster refused goes to one of its own', async () => {
  const [foreign, good] = [await startMember(OLD), await startMember(OLD)]
  const { channel, grant, revoke } = setUp([foreign.endpoint, good.endpoint])
  for (let index = 0; index < 4; index += 1) await grant()
  foreign.swap(NEW)
  for (let index = 0; index < 4; index += 1) {
    const before = good.calls.length
    expect(await revoke('read')).toMatchObject({ code: 'lease_not_found', endpoint: good.endpoint })
    expect(good.calls.length).toBeGreaterThan(before)
  }
  expect(channel.clusterId).toBe(OLD)
})

test('a refusal of a member that does not say who it is counts for nothing', async () => {
  const member = await startMember(OLD)
  const { channel, grant } = setUp([member.endpoint])
  await grant()
  member.swap(NEW)
  member.state.isSilent = true
  const revoke = channel.unary(Lease.revoke, { id: 5n }, { retry: 'read', timeoutMs: 500 })
  await expect(revoke).rejects.not.toMatchObject({ code: 'lease_not_found' })
})

test.each([OLD, NEW])(
  'a gateway that refuses transactions does not hide whose refusal it is: cluster %i',
  async (clusterId) => {
    let isMoved = false
    const fake = await startFakeServer((call) => {
      const header = { clusterId: isMoved ? clusterId : OLD, memberId: 2n, revision: 5, raftTerm: 3 }
      if (call.name === 'Lease/LeaseGrant')
        call.answer(encodeFrame(LeaseGrantResponse, { header, id: 5n, ttl: 9 }))
      else if (call.name === 'KV/Range') call.answer(encodeFrame(RangeResponse, { header }))
      else if (call.name === 'KV/Txn') call.refuse(12, 'this gateway knows no transactions')
      else if (call.name === 'Maintenance/Status') call.refuse(7, 'etcdserver: permission denied')
      else call.refuse(5, 'etcdserver: requested lease not found')
    })
    CLOSING.push(() => fake.close())
    const other = await startStranger(12)
    const { channel, grant } = setUp([fake.endpoint])
    await grant()
    channel.useEndpoints([fake.endpoint, other.endpoint])
    isMoved = true
    for (const session of fake.sessions) session.destroy()
    const revoke = channel.unary(Lease.revoke, { id: 5n }, { retry: 'read', endpoint: fake.endpoint })
    const code = clusterId === OLD ? 'lease_not_found' : 'cluster_changed'
    await expect(revoke).rejects.toMatchObject({ code })
    expect(fake.calls.map(({ name }) => name)).toContain('KV/Range')
  },
)

/** What answers every call with a status of its own, and is no etcd. */
async function startStranger(code: number) {
  const fake = await startFakeServer((call) => call.refuse(code, 'no'))
  CLOSING.push(() => fake.close())
  return fake
}

test.each([7, 16, 5, 3, 12])(
  'status %i of what cannot be shown to be etcd: reads go on, writes avoid it',
  async (code) => {
    const stranger = await startStranger(code)
    const member = await startMember(OLD)
    const { channel, grant } = setUp([stranger.endpoint, member.endpoint])
    const read = () => channel.unary(Lease.grant, { ttl: 9, id: 5n }, { retry: 'read', timeoutMs: 5_000 })
    for (let index = 0; index < 5; index += 1) expect(await read()).toMatchObject({ id: 5n })
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, grant))
    expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([])
  },
)

test('a stranger alone is believed at once, and two of them after one round', async () => {
  const strangers = [await startStranger(7), await startStranger(7)]
  for (const urls of [[strangers[0]!.endpoint], strangers.map(({ endpoint }) => endpoint)]) {
    const { revoke } = setUp(urls)
    const started = performance.now()
    expect(await revoke('read')).toMatchObject({ code: 'permission_denied' })
    expect(performance.now() - started).toBeLessThan(4_000)
  }
})
