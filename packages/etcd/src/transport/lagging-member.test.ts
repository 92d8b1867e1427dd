import { expect, test } from 'vitest'
import { createEtcdClient } from '../client.ts'
import { AuthenticateResponse } from '../wire/auth.ts'
import { encodeFrame, FrameReader } from '../wire/frame.ts'
import { KV } from '../wire/rpc.ts'
import { WatchRequest, WatchResponse } from '../wire/watch.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import { type FakeCall, putAnswer, rangeAnswer, startFakeServer } from './fake-server.test.kit.ts'

const CLOSING = closedAfterEach()

const HEADER = { clusterId: 1n, memberId: 2n, revision: 5, raftTerm: 3 }

/**
 * Members of a cluster, each with the milliseconds by which it lags behind: for so long it does not know a token that
 * another member has issued. A token names the log entry before its own, so that etcd's wait for that entry is not
 * enough.
 */
async function startMembers(lagsMs: readonly number[]) {
  const issued = new Map<string, { readonly by: number; readonly at: number }>()
  const refused: string[] = []
  const servers = await Promise.all(
    lagsMs.map((lagMs, member) =>
      startFakeServer((call) => {
        if (call.name === 'Auth/Authenticate') {
          const token = `t${issued.size}`
          issued.set(token, { by: member, at: performance.now() })
          call.answer(encodeFrame(AuthenticateResponse, { header: HEADER, token }))
          return
        }
        const token = issued.get(String(call.headers.token))
        const isKnown = token !== undefined && (token.by === member || performance.now() - token.at >= lagMs)
        if (!isKnown) refused.push(call.name)
        if (call.name === 'Watch/Watch') serveWatches(call, isKnown)
        else if (!isKnown) call.refuse(16, 'etcdserver: invalid auth token')
        else call.answer(call.name === 'KV/Put' ? putAnswer() : rangeAnswer())
      }),
    ),
  )
  for (const server of servers) CLOSING.push(() => server.close())
  const connect = (endpoints: readonly string[]) => {
    const client = createEtcdClient({ endpoints, auth: { username: 'ann', password: 'secret' } })
    CLOSING.push(() => client.close())
    return client
  }
  return { endpoints: servers.map(({ endpoint }) => endpoint), connect, issued, refused }
}

/** Accepts every watch, or refuses it like etcd 3.5 does with a token that is not known. */
function serveWatches(call: FakeCall, isKnown: boolean): void {
  call.stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
  const refusal = { watchId: -1, canceled: true, cancelReason: 'etcdserver: invalid auth token' }
  const answer = (message: Buffer): void => {
    const { request } = WatchRequest.decode(message)
    if (request?.type !== 'create' || call.stream.destroyed) return
    const { watchId = 0 } = request.value
    const verdict = isKnown ? { watchId } : refusal
    call.stream.write(encodeFrame(WatchResponse, { header: HEADER, created: true, ...verdict }))
  }
  const reader = new FrameReader(answer)
  for (const message of call.messages) answer(message)
  call.stream.on('data', (chunk: Buffer) => reader.push(chunk))
}

const NEVER = Number.POSITIVE_INFINITY

test.each([
  ['the first of two', [NEVER, 0]],
  ['the second of two', [0, NEVER]],
  ['two of three', [NEVER, 0, NEVER]],
])('calls go to a member that knows the token: %s lags', async (_, lagsMs) => {
  const { endpoints, connect } = await startMembers(lagsMs)
  for (let turn = 0; turn < 4; turn += 1) {
    const client = connect(endpoints)
    for (let index = 0; index < turn; index += 1) await client.kv.get('k')
    await client.kv.put('k', 'v')
    await client.kv.get('k')
  }
})

test('a call about one member waits until that one knows the token', async () => {
  const { endpoints, connect, issued, refused } = await startMembers([0, 100])
  const client = connect(endpoints)
  await client.kv.put('k', 'v')
  const before = issued.size
  await client.channel.unary(KV.range, { key: 'k' }, { retry: 'read', endpoint: endpoints[1]! })
  expect(issued.size - before).toBeLessThanOrEqual(1)
  expect(refused.length).toBeLessThanOrEqual(8)
})

test('a fresh watch tells of no lost connection, but that it is created', async () => {
  const { endpoints, connect, refused } = await startMembers([0, NEVER])
  for (let turn = 0; turn < 4; turn += 1) {
    const client = connect(turn % 2 === 0 ? endpoints : endpoints.toReversed())
    for (let index = 0; index < turn; index += 1) await client.kv.get('k')
    const told: string[] = []
    client.watch.subscribe(
      { prefix: 'a' },
      {
        onEvents: () => undefined,
        onCreated: () => told.push('created'),
        onDisconnected: ({ error }) => told.push(`disconnected ${error?.code}`),
        onEnd: (error) => told.push(`end ${error?.code}`),
      },
    )
    await expect.poll(() => told, { timeout: 10_000 }).not.toEqual([])
    expect(told).toEqual(['created'])
    await client.close()
  }
  expect(refused).toContain('Watch/Watch')
})
