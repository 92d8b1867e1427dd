import { AsyncLocalStorage } from 'node:async_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type Clock, systemClock } from '../clock.ts'
import { encodeFrame } from '../wire/frame.ts'
import { KV, Watch } from '../wire/rpc.ts'
import { WatchResponse } from '../wire/watch.ts'
import { PATIENCE_MS } from './patience.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import {
  answerEach,
  type FakeCall,
  putAnswer,
  rangeAnswer,
  startFakeServer,
  startRawServer,
  testChannel,
} from './fake-server.test.kit.ts'

const CLOSING = closedAfterEach()

/** SETTINGS that allow no stream, and the confirmation of ours. */
const NO_STREAMS = Buffer.from('000006040000000000000300000000000000040100000000', 'hex')

function answerAll(call: FakeCall): void {
  if (call.name === 'KV/Put') call.answer(putAnswer())
  else if (call.name === 'KV/Range') call.answer(rangeAnswer())
}

/** On it nobody's patience ends: a call that waits at an endpoint stays there. */
const patient: Clock = {
  ...systemClock,
  setTimeout: (run, ms) => systemClock.setTimeout(run, ms === PATIENCE_MS ? 60_000 : ms),
}

function open(urls: readonly string[], clock = systemClock) {
  const channel = testChannel(urls, { clock })
  CLOSING.push(() => channel.close())
  const put = (value: string | Buffer = 'v', timeoutMs = 10_000) =>
    channel.unary(KV.put, { key: 'k', value }, { retry: 'write', timeoutMs })
  return { channel, put }
}

function occupy(channel: ReturnType<typeof testChannel>, endpoint: string) {
  const handlers = { onMessage: () => undefined, onEnd: () => undefined }
  const stream = channel.stream(Watch.watch, handlers, { endpoint })
  stream.send({ request: { type: 'progress', value: {} } })
  return stream
}

test('calls given up before they had a stream are not sent when there is room, and nothing of them is kept', async () => {
  const full = await startFakeServer(answerAll, { settings: { maxConcurrentStreams: 1 } })
  CLOSING.push(() => full.close())
  const { channel, put } = open([full.endpoint])
  await put()
  const stream = occupy(channel, full.endpoint)
  await expect.poll(() => full.calls.length).toBe(2)
  const late = Array.from({ length: 200 }, () =>
    put(Buffer.alloc(60_000), 100).catch((error: unknown) => error),
  )
  for (const error of await Promise.all(late))
    expect(error).toMatchObject({ code: 'deadline_exceeded', fate: 'not_sent' })
  stream.cancel()
  // Node's server counts a stream until it is destroyed.
  await expect.poll(() => full.calls[1]!.stream.destroyed).toBe(true)
  await put()
  expect(full.calls.map(({ name }) => name)).toEqual(['KV/Put', 'Watch/Watch', 'KV/Put'])
})

test('a call that waits for room goes out in its turn', async () => {
  const full = await startFakeServer(answerAll, { settings: { maxConcurrentStreams: 2 } })
  CLOSING.push(() => full.close())
  const { put } = open([full.endpoint])
  await put()
  await Promise.all(Array.from({ length: 300 }, () => put()))
  expect(full.calls).toHaveLength(301)
})

test('the handlers of a stream that another call made room for are called in the context of its own caller', async () => {
  let put: FakeCall | undefined
  const script = (call: FakeCall): void => {
    if (call.name === 'KV/Range') call.answer(rangeAnswer())
    else if (call.name === 'KV/Put') put = call
    else answerEach(call, () => encodeFrame(WatchResponse, {}))
  }
  const full = await startFakeServer(script, { settings: { maxConcurrentStreams: 1 } })
  CLOSING.push(() => full.close())
  const { channel } = open([full.endpoint])
  await channel.unary(KV.range, { key: 'k' }, { retry: 'read' })
  const callers = new AsyncLocalStorage<string>()
  const putting = callers.run('put', () => channel.unary(KV.put, { key: 'k' }, { retry: 'write' }))
  await expect.poll(() => put).toBeDefined()
  const seen: (string | undefined)[] = []
  const note = () => void seen.push(callers.getStore())
  const stream = callers.run('watch', () => channel.stream(Watch.watch, { onMessage: note, onEnd: note }))
  stream.send({ request: { type: 'progress', value: {} } })
  put?.answer(putAnswer())
  await putting
  await expect.poll(() => seen).toHaveLength(1)
  full.calls.at(-1)?.stream.close()
  await expect.poll(() => seen).toEqual(['watch', 'watch'])
})

test.each(['first', 'last'])('a full endpoint is passed over for one that has room (%s)', async (place) => {
  const full = await startFakeServer(answerAll, { settings: { maxConcurrentStreams: 1 } })
  const free = await startFakeServer(answerAll)
  CLOSING.push(full.close, free.close)
  const urls = place === 'first' ? [full.endpoint, free.endpoint] : [free.endpoint, full.endpoint]
  const { channel, put } = open(urls, patient)
  occupy(channel, full.endpoint)
  await expect.poll(() => full.calls.length).toBe(1)
  for (let index = 0; index < 6; index += 1) await put('v', 3_000)
  expect(free.calls).toHaveLength(6)
})

test('a call that waits at a full endpoint moves on when another is back', async () => {
  const full = await startFakeServer(answerAll, { settings: { maxConcurrentStreams: 1 } })
  const away = await startRawServer((socket) => socket.destroy())
  CLOSING.push(() => full.close())
  const { channel, put } = open([full.endpoint, away.endpoint])
  occupy(channel, full.endpoint)
  await expect.poll(() => full.calls.length).toBe(1)
  const waiting = put()
  await away.close()
  const back = await startFakeServer(answerAll, { port: Number(new URL(away.endpoint).port) })
  CLOSING.push(() => back.close())
  await waiting
  expect(back.calls.filter(({ name }) => name === 'KV/Put')).toHaveLength(1)
})

test('a peer that takes no streams is passed over; alone, it is asked at a pace and left alone afterwards', async () => {
  let connections = 0
  const zero = await startRawServer((socket) => {
    connections += 1
    socket.write(NO_STREAMS)
    setTimeout(() => socket.end(), 2)
  })
  const free = await startFakeServer(answerAll)
  CLOSING.push(zero.close, free.close)
  const both = open([zero.endpoint, free.endpoint])
  for (let index = 0; index < 4; index += 1) await both.put()
  await both.channel.close()
  connections = 0
  const alone = open([zero.endpoint])
  const error = await alone.put('v', 1_000).catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'connect_failed', fate: 'not_sent' })
  // One for each rest, which grows to 50 ms and may be half of it.
  expect(connections).toBeLessThan(80)
  const before = connections
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(connections - before).toBeLessThanOrEqual(1)
})

test('a call that waits behind large requests says so, and not that there is no connection', async () => {
  const mute = await startFakeServer(() => undefined)
  CLOSING.push(() => mute.close())
  const { put } = open([mute.endpoint])
  const large = Buffer.alloc(1_400_000)
  for (let index = 0; index < 2; index += 1) put(large, 60_000).catch(() => undefined)
  await expect.poll(() => mute.calls.length).toBe(2)
  const error = await put(large, 200).catch((reason: unknown) => reason)
  expect(error).toMatchObject({ code: 'deadline_exceeded', fate: 'not_sent' })
  expect((error as Error).message).toContain('large requests before it were still in progress')
})

test.each([
  [1, 1],
  [1, 2],
  [2, 1],
  [2, 2],
])(
  'a call to one endpoint waits for room as long as it is given: %i endpoints, %i calls at a time',
  async (count, maxConcurrentStreams) => {
    const settings = { maxConcurrentStreams }
    const servers = await Promise.all(
      Array.from({ length: count }, () => startFakeServer(answerAll, { settings })),
    )
    for (const server of servers) CLOSING.push(() => server.close())
    const { endpoint, calls } = servers[0]!
    const { channel } = open(servers.map((each) => each.endpoint))
    for (let open = 1; open <= maxConcurrentStreams; open += 1) occupy(channel, endpoint)
    await expect.poll(() => calls.length).toBe(maxConcurrentStreams)
    const read = channel.unary(
      KV.range,
      { key: 'k' },
      { retry: 'read', timeoutMs: 600_000, endpoint, roomMs: 50 },
    )
    await expect(read).rejects.toMatchObject({ code: 'deadline_exceeded', fate: 'not_sent' })
    await expect(read).rejects.toThrow(`accepts ${maxConcurrentStreams} calls at a time`)
  },
)

test.each([
  ['large requests', Buffer.alloc(1_000_000), 100, 3],
  ['the calls that the server accepts', 'v', 2, 2],
] as const)(
  'calls that wait behind %s are not sent when their time is over, too',
  async (_, value, most, sent) => {
    const settings = { maxConcurrentStreams: most }
    const server = await startFakeServer((call) => call.name === 'KV/Range' && answerAll(call), { settings })
    CLOSING.push(() => server.close())
    const LIMIT_MS = 61_000
    const late: (() => void)[] = []
    let aheadMs = 0
    const clock: Clock = {
      ...systemClock,
      monotonicNow: () => performance.now() + aheadMs,
      setTimeout: (run, ms) => (ms === LIMIT_MS ? late.push(run) : systemClock.setTimeout(run, ms)),
    }
    const { channel, put } = open([server.endpoint], clock)
    await channel.unary(KV.range, { key: 'k' }, { retry: 'read' })
    const fates = Array.from({ length: 12 }, () =>
      put(value, LIMIT_MS).catch(({ fate }: { readonly fate: string }) => fate),
    )
    await expect.poll(() => server.calls.length).toBe(1 + sent)
    aheadMs = LIMIT_MS
    for (const run of late) {
      run()
      await nextTurn()
    }
    expect(await Promise.all(fates)).toEqual([
      ...Array(sent).fill('unknown'),
      ...Array(12 - sent).fill('not_sent'),
    ])
    expect(server.calls).toHaveLength(1 + sent)
  },
)

test('a call that waits is sent after those before it were given up, while it has time', async () => {
  const server = await startFakeServer((call) => call.name === 'KV/Range' && answerAll(call), {
    settings: { maxConcurrentStreams: 1 },
  })
  CLOSING.push(() => server.close())
  const { channel, put } = open([server.endpoint])
  const read = () => channel.unary(KV.range, { key: 'k' }, { retry: 'read' })
  await read()
  const given = put('v', 200).catch((error: unknown) => error)
  const answer = read()
  expect(await given).toMatchObject({ code: 'outcome_unknown' })
  await answer
  expect(server.calls.map(({ name }) => name)).toEqual(['KV/Range', 'KV/Put', 'KV/Range'])
})

test('a call given up keeps its own room empty for a while, and no call waits for that beside it', async () => {
  const reads = { open: 0, most: 0 }
  const script = (call: FakeCall): void => {
    if (call.name !== 'KV/Range') return
    reads.open += 1
    reads.most = Math.max(reads.most, reads.open)
    setImmediate(() => {
      reads.open -= 1
      call.answer(rangeAnswer())
    })
  }
  const server = await startFakeServer(script, { settings: { maxConcurrentStreams: 3 } })
  CLOSING.push(() => server.close())
  const rests: (() => void)[] = []
  const GIVEN_UP_MS = 61_000
  const late: (() => void)[] = []
  let aheadMs = 0
  /** The rest of a room that was waited for this long is half a second. */
  const clock: Clock = {
    ...systemClock,
    monotonicNow: () => performance.now() + aheadMs,
    setTimeout(run, ms) {
      if (ms === GIVEN_UP_MS) return late.push(run)
      return ms === 500 && late.length > 0 ? rests.push(run) : systemClock.setTimeout(run, ms)
    },
  }
  const { channel, put } = open([server.endpoint], clock)
  const read = () => channel.unary(KV.range, { key: 'k' }, { retry: 'read' })
  await read()
  const given = [1, 2].map(() => put('v', GIVEN_UP_MS).catch(({ code }: { readonly code: string }) => code))
  await expect.poll(() => server.calls.length).toBe(3)
  aheadMs = GIVEN_UP_MS
  for (const run of late) run()
  expect(await Promise.all(given)).toEqual(['outcome_unknown', 'outcome_unknown'])
  await expect.poll(() => rests.length).toBe(2)
  await Promise.all(Array.from({ length: 20 }, read))
  expect(reads.most).toBe(1)
  for (const run of rests.splice(0)) run()
  await Promise.all(Array.from({ length: 20 }, read))
  expect(reads.most).toBe(3)
})
