import { expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { encodeFrame } from '../wire/frame.ts'
import { PutResponse, RangeResponse } from '../wire/kv.ts'
import { KV } from '../wire/rpc.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import { type FakeServer, startFakeServer, testChannel } from './fake-server.test.kit.ts'

const OLD = 0x8e9e05c52164694dn
const NEW = 0x1n
const CLOSING = closedAfterEach()

/** A member of a cluster, on this port if one is given. */
async function startMember(clusterId: bigint, port = 0): Promise<FakeServer> {
  const fake = await startFakeServer(
    (call) => {
      const header = { clusterId, memberId: 2n, revision: 5, raftTerm: 3 }
      if (call.name === 'KV/Put') call.answer(encodeFrame(PutResponse, { header }))
      else call.answer(encodeFrame(RangeResponse, { header, count: 1 }))
    },
    { port },
  )
  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= fake.close()
    return closing
  }
  CLOSING.push(close)
  return { ...fake, close }
}

/** A client of two members, of which the second is replaced by one of a new cluster and the first stops. */
async function setUp() {
  let aheadMs = 0
  const clock = { ...systemClock, monotonicNow: () => performance.now() + aheadMs }
  const first = await startMember(OLD)
  const second = await startMember(OLD)
  const channel = testChannel([first.endpoint, second.endpoint], { clock })
  CLOSING.push(() => channel.close())
  const call = async (kind: 'read' | 'write', timeoutMs = 300): Promise<unknown> => {
    try {
      const options = { retry: kind, timeoutMs } as const
      if (kind === 'read') return (await channel.unary(KV.range, { key: 'k' }, options)).header?.clusterId
      return (await channel.unary(KV.put, { key: 'k', value: 'v' }, options)).header?.clusterId
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  for (let index = 0; index < 4; index += 1) expect(await call('write', 10_000)).toBe(OLD)
  await first.close()
  await second.close()
  await startMember(NEW, Number(new URL(second.endpoint).port))
  const back = () => startMember(OLD, Number(new URL(first.endpoint).port))
  const pass = (ms: number): void => {
    aheadMs += ms
  }
  return { channel, call, back, pass }
}

test.each(['read', 'write'] as const)(
  'a replaced cluster is taken up though one old member stays away, and named until then (%s)',
  async (kind) => {
    const { channel, call, pass } = await setUp()
    // Until the new cluster has answered, there is nothing to name.
    await call('read')
    for (let index = 0; index < 3; index += 1) expect(await call(kind)).toBe('cluster_changed')
    expect(channel.clusterId).toBe(OLD)
    pass(9_000)
    expect(await call(kind)).toBe('cluster_changed')
    pass(2_000)
    await call(kind)
    expect(await call(kind)).toBe(NEW)
    expect(await call(kind)).toBe(NEW)
  },
)

test('an old member that is back in time keeps the cluster in hand', async () => {
  const { channel, call, back, pass } = await setUp()
  await call('read')
  pass(9_000)
  expect(await call('write')).toBe('cluster_changed')
  await back()
  await expect.poll(() => call('write'), { timeout: 10_000 }).toBe(OLD)
  pass(20_000)
  for (let index = 0; index < 6; index += 1) expect(await call('write')).toBe(OLD)
  expect(channel.clusterId).toBe(OLD)
})

test('what failed long ago, and was not tried since, has not left its cluster', async () => {
  const { channel, call, back, pass } = await setUp()
  await call('read')
  pass(600_000)
  await back()
  await expect.poll(() => call('read'), { timeout: 10_000 }).toBe(OLD)
  expect(channel.clusterId).toBe(OLD)
})

test('what failed long ago, and fails again, may have answered in between', async () => {
  const { channel, call, back, pass } = await setUp()
  await call('read')
  pass(600_000)
  expect(await call('write')).toBe('cluster_changed')
  await back()
  await expect.poll(() => call('write'), { timeout: 10_000 }).toBe(OLD)
  expect(channel.clusterId).toBe(OLD)
})

test('of two clusters that live, one is never left for the other', async () => {
  const { channel, call, back, pass } = await setUp()
  await call('read')
  for (let index = 0; index < 3; index += 1) {
    pass(6_000)
    await call('write')
  }
  expect(await call('write')).toBe(NEW)
  await back()
  for (let index = 0; index < 10; index += 1) {
    pass(40_000)
    for (const kind of ['read', 'write'] as const) {
      const answer = await call(kind)
      expect(['cluster_changed', NEW]).toContain(answer)
    }
    expect(channel.clusterId).toBe(NEW)
  }
})
