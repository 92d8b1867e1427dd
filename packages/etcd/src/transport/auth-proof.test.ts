import { describe, expect, test } from 'vitest'
import type { EtcdError } from '../errors.ts'
import { AuthenticateResponse } from '../wire/auth.ts'
import { encodeFrame } from '../wire/frame.ts'
import { TxnResponse } from '../wire/kv.ts'
import { KV, Lease } from '../wire/rpc.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import { putAnswer, rangeAnswer, startFakeServer, testChannel } from './fake-server.test.kit.ts'

const CLOSING = closedAfterEach()

/** Members with auth enabled as of etcd 3.5.30: their status is for root only. The user is not root. */
async function startCluster() {
  const state = { token: 'none', issued: 0, clusterIds: [1n, 1n] }
  const members = await Promise.all(
    state.clusterIds.map((_, index) =>
      startFakeServer((call) => {
        const header = { clusterId: state.clusterIds[index]!, memberId: 2n, revision: 5, raftTerm: 3 }
        const { token } = call.headers
        if (call.name === 'Auth/Authenticate') {
          state.issued += 1
          state.token = `token ${state.issued}`
          call.answer(encodeFrame(AuthenticateResponse, { header, token: state.token }))
        } else if (token === undefined) call.refuse(3, 'etcdserver: user name is empty')
        else if (token !== state.token) call.refuse(16, 'etcdserver: invalid auth token')
        else if (call.name === 'KV/Put') call.answer(putAnswer())
        else if (call.name === 'KV/Range') call.answer(rangeAnswer())
        else if (call.name === 'KV/Txn') call.answer(encodeFrame(TxnResponse, { header, succeeded: true }))
        else if (call.name === 'Lease/LeaseRevoke') call.refuse(5, 'etcdserver: requested lease not found')
        else call.refuse(7, 'etcdserver: permission denied')
      }),
    ),
  )
  for (const member of members) CLOSING.push(() => member.close())
  const reconnect = (): void => {
    for (const { sessions } of members) for (const session of sessions) session.destroy()
  }
  const expire = (): void => {
    state.token = 'expired'
    reconnect()
  }
  const urls = members.map(({ endpoint }) => endpoint)
  return { members, state, urls, expire, reconnect }
}

/** Repeats a write that was sent before the client noticed that its connection is gone. */
function again<T>(write: () => Promise<T>): Promise<T> {
  return write().catch((error: EtcdError) => {
    if (error.code !== 'outcome_unknown') throw error
    return again(write)
  })
}

function open(urls: readonly string[], isWithPassword = true) {
  const credentials = isWithPassword ? { username: 'app', password: 'secret' } : undefined
  // An attempt that is slow on a busy machine would be repeated elsewhere, and a token be issued twice.
  const channel = testChannel(urls, { credentials, attemptTimeoutMs: 10_000 })
  CLOSING.push(() => channel.close())
  const calls = {
    write: () => again(() => channel.unary(KV.put, { key: 'k', value: 'v' })),
    read: () => channel.unary(KV.range, { key: 'k' }, { retry: 'read' }),
    revoke: () => again(() => channel.unary(Lease.revoke, { id: 5n })),
  }
  return { channel, ...calls }
}

describe.each(['write', 'read'] as const)('%s', (name) => {
  test.each([1, 2])(
    'with a token that expired while cut off from %i members gets a new one',
    async (count) => {
      const { urls, expire, state } = await startCluster()
      const client = open(urls.slice(0, count))
      for (let round = 1; round <= 4; round += 1) {
        await client[name]()
        expect(state.issued).toBe(round)
        expire()
      }
    },
  )

  test('without credentials fails at once, as unauthenticated', async () => {
    const { urls } = await startCluster()
    const started = performance.now()
    await expect(open(urls, false)[name]()).rejects.toMatchObject({ code: 'unauthenticated' })
    expect(performance.now() - started).toBeLessThan(5_000)
  })
})

test('a refusal over a new connection is verified by a call that is open to every user, once', async () => {
  const { urls, members, reconnect } = await startCluster()
  const { write, revoke } = open(urls)
  await write()
  reconnect()
  for (let index = 0; index < 6; index += 1)
    await expect(revoke()).rejects.toMatchObject({ code: 'lease_not_found' })
  for (const { calls } of members)
    expect(calls.filter(({ name }) => name === 'KV/Txn').length).toBeLessThanOrEqual(1)
})

test('the refusal of a member of another cluster is no fact about this one, with auth enabled, too', async () => {
  const { urls, state, reconnect } = await startCluster()
  const { channel, write, revoke } = open(urls)
  await write()
  expect(channel.clusterId).toBe(1n)
  state.clusterIds = [9n, 9n]
  reconnect()
  await expect(revoke()).rejects.toMatchObject({ code: 'cluster_changed' })
})
