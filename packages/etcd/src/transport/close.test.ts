import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import dns from 'node:dns'
import { connect, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Clock, systemClock } from '../clock.ts'
import { KV, Watch } from '../wire/rpc.ts'
import { deadEndpoint } from '../../../../test/support/dead-endpoint.ts'
import { Endpoint } from './endpoint.ts'
import { EtcdError } from '../errors.ts'
import { silentLogger } from '../logger.ts'
import {
  type FakeCall,
  putAnswer,
  type Script,
  startFakeServer,
  startRawServer,
  testChannel,
} from './fake-server.test.kit.ts'

/** Every socket that this process has opened to a server. */
const DIALLED: Socket[] = []
const PENDING = new Set<unknown>()
const CLOSING: (() => Promise<void>)[] = []

const clock: Clock = {
  now: () => Date.now(),
  setTimeout: (run, ms) => {
    const timer = systemClock.setTimeout(() => {
      PENDING.delete(timer)
      run()
    }, ms)
    PENDING.add(timer)
    return timer
  },
  clearTimeout: (timer) => {
    PENDING.delete(timer)
    systemClock.clearTimeout(timer)
  },
}

function onDialled(message: unknown): void {
  DIALLED.push((message as { socket: Socket }).socket)
}

beforeEach(() => {
  DIALLED.length = 0
  PENDING.clear()
  subscribe('net.client.socket', onDialled)
})

afterEach(async () => {
  unsubscribe('net.client.socket', onDialled)
  for (const close of CLOSING.splice(0).reverse()) await close()
})

async function server(script: Script) {
  const started = await startFakeServer(script)
  CLOSING.push(() => started.close())
  return started
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

/** Holds at the moment `close()` resolves, and for good: with no timer and no socket nothing can come later. */
async function expectNothingLeft(): Promise<void> {
  const left = () => [DIALLED.filter((socket) => !socket.closed).length, PENDING.size]
  expect(left()).toEqual([0, 0])
  await turns(20)
  expect(left()).toEqual([0, 0])
}

const quiet = { onMessage: () => undefined, onEnd: () => undefined }

/** Takes no more calls on this session; resolves when the client knows it: frames are answered in their order. */
async function sayGoaway({ session }: FakeCall): Promise<void> {
  session.goaway(0, 2 ** 31 - 1)
  await new Promise((resolve) => session.ping(resolve))
}

const holdOpen: Script = (call) => call.stream.respond({ ':status': 200, 'content-type': 'application/grpc' })

test('the socket of a session that its server has said GOAWAY to is closed with the client', async () => {
  const fake = await server(holdOpen)
  const channel = testChannel([fake.endpoint], { clock })
  channel.stream(Watch.watch, quiet).send({ request: { type: 'progress', value: {} } })
  await expect.poll(() => fake.calls.length).toBe(1)
  await sayGoaway(fake.calls[0]!)
  expect(DIALLED.filter((socket) => !socket.closed)).toHaveLength(1)
  await channel.close()
  await expectNothingLeft()
})

test('a call that an old session took is answered, though no new connection can be had', async () => {
  const fake = await server(holdOpen)
  let connections = 0
  const gate = await startRawServer((socket) => {
    connections += 1
    // The server shuts down: it takes no new connections, and ends what it has begun.
    if (connections > 1) return void socket.destroy()
    const upstream = connect(Number(new URL(fake.endpoint).port), '127.0.0.1')
    upstream.on('error', () => undefined)
    socket.on('close', () => upstream.destroy())
    socket.pipe(upstream).pipe(socket)
  })
  CLOSING.push(() => gate.close())
  const channel = testChannel([gate.endpoint], { clock })
  CLOSING.push(() => channel.close())
  const ended: unknown[] = []
  const handlers = { onMessage: () => undefined, onEnd: (error: unknown) => ended.push(error) }
  channel.stream(Watch.watch, handlers).send({ request: { type: 'progress', value: {} } })
  await expect.poll(() => fake.calls.length).toBe(1)
  await sayGoaway(fake.calls[0]!)
  const put = channel.unary(KV.put, { key: 'k' }, { timeoutMs: 200 })
  await expect(put).rejects.toMatchObject({ fate: 'not_sent' })
  expect(connections).toBeGreaterThan(1)
  expect(ended).toEqual([])
  fake.calls[0]!.stream.end()
  await expect.poll(() => ended.length).toBe(1)
})

test('a lost session is replaced once, also for a call that came while it was being lost', async () => {
  const fake = await server((call) => call.answer(putAnswer()))
  const channel = testChannel([fake.endpoint], { clock })
  CLOSING.push(() => channel.close())
  await channel.unary(KV.put, { key: 'k' })
  DIALLED[0]!.destroy()
  await channel.unary(KV.put, { key: 'k' })
  await channel.unary(KV.put, { key: 'k' })
  expect(DIALLED).toHaveLength(2)
})

test('an endpoint that is taken out while it rests is not connected afterwards', async () => {
  const dead = await deadEndpoint()
  const good = await server((call) => call.answer(putAnswer()))
  const backoff = { minMs: 60, maxMs: 60, factor: 1, jitter: 0 }
  const channel = testChannel([dead], { clock, backoff })
  let failed = 0
  const put = channel.unary(
    KV.put,
    { key: 'k' },
    {
      onRetry: () => {
        failed += 1
      },
    },
  )
  await expect.poll(() => failed).toBeGreaterThan(0)
  const late = await startFakeServer(() => undefined, { port: Number(new URL(dead).port) })
  CLOSING.push(() => late.close())
  channel.useEndpoints([good.endpoint])
  await put
  await channel.close()
  expect(late.sessions.size).toBe(0)
  await expectNothingLeft()
})

test('an endpoint that was taken out with calls under way is closed with the client', async () => {
  const old = await server(holdOpen)
  const channel = testChannel([old.endpoint], { clock })
  channel.stream(Watch.watch, quiet).send({ request: { type: 'progress', value: {} } })
  await expect.poll(() => old.calls.length).toBe(1)
  channel.useEndpoints([])
  expect(DIALLED.filter((socket) => !socket.closed)).toHaveLength(1)
  await channel.close()
  await expectNothingLeft()
})

test('an endpoint that was taken out while its port is looked into is let go with the client', async () => {
  let connections = 0
  const mute = await startRawServer((socket) => {
    connections += 1
    // Breaks off before a word, so that the client looks what sits there, and gets no answer to that.
    if (connections === 1) socket.once('data', () => socket.destroy())
  })
  CLOSING.push(() => mute.close())
  const channel = testChannel([mute.endpoint], { clock })
  channel.unary(KV.put, { key: 'k' }).catch(() => undefined)
  await expect.poll(() => connections).toBe(2)
  channel.useEndpoints([])
  await channel.close()
  await expectNothingLeft()
})

test('a port that is being looked into is let go', async () => {
  const mute = await startRawServer((socket) => socket.once('data', () => socket.destroy()))
  CLOSING.push(() => mute.close())
  for (let turn = 0; turn < 30; turn += 1) {
    const channel = testChannel([mute.endpoint], { clock })
    channel.unary(KV.put, { key: 'k' }).catch(() => undefined)
    await turns(turn)
    await channel.close()
    await expectNothingLeft()
  }
})

test.each(['http', 'https'])('no answer of DNS is waited for: %s', async (scheme) => {
  const asked: string[] = []
  const lookup = vi.spyOn(dns, 'lookup').mockImplementation(((host: string) => asked.push(host)) as never)
  CLOSING.push(async () => lookup.mockRestore())
  const channel = testChannel([`${scheme}://${scheme}.example:2379`], { clock, connectTimeoutMs: 60_000 })
  const put = channel.unary(KV.put, { key: 'k' }, { timeoutMs: 60_000 })
  const ended = expect(put).rejects.toMatchObject({ code: 'closed', fate: 'not_sent' })
  await expect.poll(() => asked).toEqual([`${scheme}.example`])
  await channel.close()
  await ended
  await expectNothingLeft()
})

test('nothing is connected by an endpoint after its close, whoever asks for it', async () => {
  const fake = await server((call) => call.answer(putAnswer()))
  const settings = {
    tls: undefined,
    connectTimeoutMs: 1_000,
    pingIntervalMs: 0,
    clock,
    logger: silentLogger,
    clientName: 'etcd',
    backoff: { minMs: 5, maxMs: 50, factor: 2, jitter: 0.5 },
  }
  for (const isUsed of [false, true]) {
    const endpoint = new Endpoint(fake.endpoint, settings)
    if (isUsed) await endpoint.connect()
    const doubted = isUsed ? endpoint.connection : undefined
    endpoint.doubt()
    endpoint.probe()
    await endpoint.close(new EtcdError('closed'))
    if (doubted !== undefined) expect(endpoint.connection).toBe(doubted)
    await expect(endpoint.connection.open()).rejects.toMatchObject({ fate: 'not_sent' })
    await expect(endpoint.connect()).rejects.toMatchObject({ code: 'closed' })
    endpoint.probe()
    await expectNothingLeft()
  }
})

test('a call that waits for its next attempt ends with the client', async () => {
  const backoff = { minMs: 60_000, maxMs: 60_000, factor: 1, jitter: 0 }
  const channel = testChannel([await deadEndpoint()], { clock, backoff })
  let failed = 0
  const onRetry = (): void => {
    failed += 1
  }
  const put = channel.unary(KV.put, { key: 'k' }, { onRetry, timeoutMs: 60_000 })
  await expect.poll(() => failed).toBeGreaterThan(0)
  const ended = expect(put).rejects.toMatchObject({ code: 'closed', fate: 'not_sent' })
  await channel.close()
  await ended
  await expectNothingLeft()
})

test('a closed channel discovers nothing', async () => {
  let asked = 0
  const discover = async () => {
    asked += 1
    return ['http://127.0.0.1:1']
  }
  const channel = testChannel([], { clock, discover })
  await channel.close()
  await expect(channel.unary(KV.put, { key: 'k' })).rejects.toMatchObject({ code: 'closed' })
  channel.stream(Watch.watch, quiet)
  channel.useEndpoints(['http://127.0.0.1:2'])
  expect(asked).toBe(0)
  await expectNothingLeft()
})
