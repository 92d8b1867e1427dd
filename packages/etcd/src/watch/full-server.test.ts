import { expect, test } from 'vitest'
import { createEtcdClient } from '../client.ts'
import type { UndiciChannel } from '../transport/channel.ts'
import { closedAfterEach } from '../transport/closed-after-each.test.kit.ts'
import { type FakeCall, startFakeServer } from '../transport/fake-server.test.kit.ts'
import { encodeFrame } from '../wire/frame.ts'
import { RangeRequest, RangeResponse, TxnRequest, TxnResponse } from '../wire/kv.ts'
import type { Init } from '../wire/message-type.ts'
import { WatchRequest, WatchResponse } from '../wire/watch.ts'
import { header, put, storeOf } from './watch-recorder.test.kit.ts'
import { watchReports } from './watch-reports.test.kit.ts'

const CLOSING = closedAfterEach()

const ENTRY = put('a', 6)
const STORE = storeOf([ENTRY.kv], header(6))

/** A store of one key, over connections with room for one call. The first watch is reports of its put. */
function answer(call: FakeCall): void {
  const [message] = call.messages
  if (call.name === 'KV/Txn') call.answer(encodeFrame(TxnResponse, STORE.txn(TxnRequest.decode(message!))))
  else if (call.name === 'KV/Range')
    call.answer(encodeFrame(RangeResponse, STORE.onUnary('', RangeRequest.decode(message!))))
  else serveWatches(call)
}

function serveWatches(call: FakeCall): void {
  const { stream, messages } = call
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
  const send = (response: Init<WatchResponse>): void => {
    if (!stream.destroyed) stream.write(encodeFrame(WatchResponse, { header: header(6), ...response }))
  }
  const reply = (message: Buffer): void => {
    const { request } = WatchRequest.decode(message)
    if (request?.type === 'progress') send({ watchId: -1 })
    if (request?.type !== 'create') return
    const { watchId = 0, startRevision = 0 } = request.value
    send({ watchId, created: true, header: header(startRevision === 0 ? 5 : 6) })
    if (startRevision <= 6) send({ watchId, events: [ENTRY] })
  }
  for (const message of messages) reply(message)
  call.onMessage = reply
}

test.each([1, 2])(
  'a watch whose connection is lost does not wait for room that its own stream takes: %i endpoints',
  { timeout: 30_000 },
  async (count) => {
    const settings = { maxConcurrentStreams: 1 }
    const servers = await Promise.all(
      Array.from({ length: count }, () => startFakeServer(answer, { settings })),
    )
    for (const server of servers) CLOSING.push(() => server.close())
    const client = createEtcdClient({
      endpoints: servers.map(({ endpoint }) => endpoint),
      timeouts: { callMs: 600_000 },
    })
    CLOSING.push(() => client.close())
    const reports = watchReports(client)
    await expect.poll(() => reports).toEqual(['created', 'changed 6'])
    for (const server of servers) for (const session of server.sessions) session.destroy()
    await expect.poll(() => reports.at(-1), { timeout: 20_000 }).toBe('resumed')
    expect(servers.some(({ calls }) => calls.some(({ name }) => name === 'KV/Txn'))).toBe(true)
    expect(reports.filter((word) => word.startsWith('changed'))).toEqual(['changed 6'])
  },
)

test('a watch goes to another endpoint when the one without room leaves', { timeout: 30_000 }, async () => {
  const full = await startFakeServer(answer, { settings: { maxConcurrentStreams: 1 } })
  const roomy = await startFakeServer(answer)
  for (const server of [full, roomy]) CLOSING.push(() => server.close())
  const client = createEtcdClient({ endpoints: full.endpoint })
  CLOSING.push(() => client.close())
  const all = watchReports(client)
  const reports = () => all.filter((report) => report !== 'disconnected')
  await expect.poll(reports).toEqual(['created', 'changed 6'])
  for (const session of full.sessions) session.destroy()
  await expect.poll(reports, { timeout: 20_000 }).toEqual(['created', 'changed 6', 'resumed'])
  // The members are now at other addresses.
  ;(client.channel as UndiciChannel).useEndpoints([roomy.endpoint])
  for (const session of full.sessions) session.destroy()
  await expect.poll(() => reports().length, { timeout: 20_000 }).toBe(4)
  expect(reports().at(-1)).toBe('resumed')
  expect(roomy.calls.some(({ name }) => name === 'Watch/Watch')).toBe(true)
})
