import { constants, type ServerHttp2Stream } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import type { EtcdError } from '../errors.ts'
import { KV, Watch } from '../wire/rpc.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import {
  type FakeServer,
  putAnswer,
  rangeAnswer,
  type Script,
  startFakeServer,
  startRawServer,
  testChannel,
} from './fake-server.test.kit.ts'

const CLOSING = closedAfterEach()

async function server(script: Script): Promise<FakeServer> {
  const started = await startFakeServer(script)
  CLOSING.push(() => started.close())
  return started
}

function tick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await tick()
}

/** Carries bytes to a server until told to swallow them. */
async function blackHole(target: FakeServer) {
  const pipes: Socket[] = []
  const raw = await startRawServer((socket) => {
    const upstream = connect(Number(new URL(target.endpoint).port), '127.0.0.1')
    upstream.on('error', () => undefined)
    socket.on('close', () => upstream.destroy())
    socket.pipe(upstream)
    upstream.pipe(socket)
    pipes.push(socket, upstream)
  })
  CLOSING.push(() => raw.close())
  const swallow = (): void => {
    for (const pipe of pipes) {
      pipe.unpipe()
      pipe.resume()
    }
  }
  return { endpoint: raw.endpoint, swallow }
}

/** Carries bytes to a server; once told to, those of the server come one by one, slowly. */
async function slowLink(target: FakeServer) {
  let isSlow = false
  const raw = await startRawServer((socket) => {
    const upstream = connect(Number(new URL(target.endpoint).port), '127.0.0.1')
    upstream.on('error', () => undefined)
    socket.on('close', () => upstream.destroy())
    socket.pipe(upstream)
    let waiting = Buffer.alloc(0)
    upstream.on('data', (chunk: Buffer) => {
      if (isSlow) waiting = Buffer.concat([waiting, chunk])
      else socket.write(chunk)
    })
    const trickle = setInterval(() => {
      socket.write(waiting.subarray(0, 1))
      waiting = waiting.subarray(1)
    }, 50)
    socket.on('close', () => clearInterval(trickle))
  })
  CLOSING.push(() => raw.close())
  return { endpoint: raw.endpoint, delay: () => (isSlow = true) }
}

test('a stream on a connection that has died without a word ends when pings stay unanswered', async () => {
  const fake = await server((call) =>
    call.stream.respond({ ':status': 200, 'content-type': 'application/grpc' }),
  )
  const hole = await blackHole(fake)
  const channel = testChannel([hole.endpoint], { pingIntervalMs: 30 })
  CLOSING.push(() => channel.close())
  const ends: (EtcdError | undefined)[] = []
  const stream = channel.stream(Watch.watch, {
    onMessage: () => undefined,
    onEnd: (error) => ends.push(error),
  })
  stream.send({ request: { type: 'progress', value: {} } })
  await until(() => fake.calls.length === 1)
  hole.swallow()
  await until(() => ends.length === 1)
  expect(ends[0]).toMatchObject({
    code: 'connection_lost',
    endpoint: hole.endpoint,
    what: expect.stringMatching(/pings/),
  })
})

test('a quiet stream whose peer answers pings stays open', async () => {
  const fake = await server((call) =>
    call.stream.respond({ ':status': 200, 'content-type': 'application/grpc' }),
  )
  let pings = 0
  const channel = testChannel([fake.endpoint], { pingIntervalMs: 10 })
  CLOSING.push(() => channel.close())
  const ends: (EtcdError | undefined)[] = []
  const stream = channel.stream(Watch.watch, {
    onMessage: () => undefined,
    onEnd: (error) => ends.push(error),
  })
  stream.send({ request: { type: 'progress', value: {} } })
  await until(() => fake.calls.length === 1)
  for (const session of fake.sessions) session.on('ping', () => (pings += 1))
  await until(() => pings >= 8)
  expect(ends).toEqual([])
})

test('an idle connection is closed before its pings annoy the server, and the next call opens another', async () => {
  const fake = await server((call) => call.answer(putAnswer()))
  let pings = 0
  const channel = testChannel([fake.endpoint], { pingIntervalMs: 40 })
  CLOSING.push(() => channel.close())
  const put = () => channel.unary(KV.put, { key: 'k', value: 'v' })
  await put()
  for (const session of fake.sessions) session.on('ping', () => (pings += 1))
  await until(() => fake.sessions.size === 0)
  expect(pings).toBeLessThanOrEqual(2)
  await put()
  expect(fake.calls).toHaveLength(2)
})

test('a connection whose calls are reset to calm the client is replaced, one each second at most', async () => {
  const sessions = new Set<unknown>()
  const fake = await server((call) => {
    sessions.add(call.session)
    if (sessions.size === 1 && call.index > 0) call.stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM)
    else call.answer(putAnswer())
  })
  const channel = testChannel([fake.endpoint])
  CLOSING.push(() => channel.close())
  const put = () =>
    channel.unary(KV.put, { key: 'k', value: 'v' }, { retry: 'write' }).then(
      () => 'done',
      (error: EtcdError) => error.code,
    )
  expect([await put(), await put(), await put()]).toEqual(['done', 'outcome_unknown', 'outcome_unknown'])
  await new Promise((resolve) => setTimeout(resolve, 1_100))
  expect([await put(), await put(), await put()]).toEqual(['outcome_unknown', 'done', 'done'])
  expect(sessions.size).toBe(2)
})

test('calls that wait for a connection that is left get the next one', async () => {
  const fake = await server((call) => call.answer(putAnswer()))
  const hole = await blackHole(fake)
  const channel = testChannel([hole.endpoint])
  CLOSING.push(() => channel.close())
  const put = (bytes: number, timeoutMs: number) =>
    channel.unary(KV.put, { key: 'k', value: Buffer.alloc(bytes) }, { retry: 'write', timeoutMs }).then(
      () => 'done',
      (error: EtcdError) => error.fate,
    )
  expect(await put(1, 10_000)).toBe('done')
  hole.swallow()
  const large = [put(1_400_000, 500), put(1_400_000, 500)]
  const waiting = [put(1_400_000, 5_000), put(1_400_000, 5_000), put(1_400_000, 5_000)]
  expect(await Promise.all(large)).toEqual(['unknown', 'unknown'])
  // The first may have been sent when one of the large ones made room; none waits its time out.
  const ends = await Promise.all(waiting)
  expect(ends).not.toContain('not_sent')
  expect(ends.at(-1)).toBe('done')
})

test('reads over a connection whose peer answers no ping any more go over the next one', async () => {
  const fake = await server((call) => call.answer(call.name === 'KV/Put' ? putAnswer() : rangeAnswer()))
  const hole = await blackHole(fake)
  const channel = testChannel([hole.endpoint])
  CLOSING.push(() => channel.close())
  const end = (call: Promise<unknown>) =>
    call.then(
      () => 'done',
      (error: EtcdError) => error.fate,
    )
  const get = (timeoutMs: number) => end(channel.unary(KV.range, { key: 'k' }, { retry: 'read', timeoutMs }))
  const put = (timeoutMs: number) =>
    end(channel.unary(KV.put, { key: 'k', value: 'v' }, { retry: 'write', timeoutMs }))
  expect(await get(10_000)).toBe('done')
  hole.swallow()
  const reads = [get(60_000), get(60_000)]
  const write = put(2_000)
  expect(await get(500)).toBe('unknown')
  expect(await Promise.all(reads)).toEqual(['done', 'done'])
  expect(await write).toBe('unknown')
  expect(fake.calls.filter(({ name }) => name === 'KV/Put')).toHaveLength(0)
})

test('a connection that has lost pieces of many requests is left before Node resets its answers', async () => {
  let isReading = false
  const fake = await server((call) => call.answer(putAnswer()))
  const channel = testChannel([fake.endpoint])
  CLOSING.push(() => channel.close())
  const put = (bytes: number, signal = new AbortController().signal) =>
    channel.unary(KV.put, { key: 'k', value: Buffer.alloc(bytes) }, { retry: 'write', signal }).then(
      () => 'done',
      (error: EtcdError) => error.code,
    )
  expect(await put(1)).toBe('done')
  const connections = new Set(fake.sessions)
  const open: unknown[] = []
  for (const session of fake.sessions)
    session.on('stream', (stream: ServerHttp2Stream) => {
      if (isReading) return
      stream.pause()
      open.push(stream)
    })
  for (let round = 1; connections.size === 1 && round <= 30; round += 1) {
    const given = new AbortController()
    const writes = Array.from({ length: 40 }, () => put(70_000, given.signal))
    await until(() => open.length >= 40 || fake.sessions.size > 1)
    open.length = 0
    given.abort()
    expect(new Set(await Promise.all(writes))).toEqual(new Set(['cancelled']))
    for (const each of fake.sessions) connections.add(each)
  }
  isReading = true
  expect(await put(1)).toBe('done')
})

test('a read stays on a connection over which data arrives, however late a ping is answered', async () => {
  const fake = await server((call) => {
    if (call.name === 'KV/Put') call.answer(putAnswer())
  })
  const { endpoint, delay } = await slowLink(fake)
  const channel = testChannel([endpoint])
  CLOSING.push(() => channel.close())
  const get = (timeoutMs: number) =>
    channel
      .unary(KV.range, { key: 'k' }, { retry: 'read', timeoutMs })
      .catch((error: EtcdError) => error.code)
  await channel.unary(KV.put, { key: 'k', value: 'v' }, { retry: 'write' })
  const slow = get(3_000)
  await until(() => fake.calls.length === 2)
  delay()
  expect(await get(300)).toBe('deadline_exceeded')
  expect(await slow).toBe('deadline_exceeded')
  expect(fake.calls.filter(({ name }) => name === 'KV/Range')).toHaveLength(2)
})
