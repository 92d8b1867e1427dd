import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { EtcdError } from '../errors.ts'
import { KV, Watch } from '../wire/rpc.ts'
import type { ChannelSettings, UndiciChannel } from './channel.ts'
import { deadEndpoint } from '../../../../test/support/dead-endpoint.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import {
  type FakeServer,
  putAnswer,
  rangeAnswer,
  startFakeServer,
  startRawServer,
  testChannel,
} from './fake-server.test.kit.ts'

const CLOSING = closedAfterEach()

interface Target {
  readonly endpoint: string
}

async function goodServer(): Promise<FakeServer> {
  const fake = await startFakeServer((call) => {
    if (call.name === 'KV/Put') call.answer(putAnswer())
    else if (call.name === 'KV/Range') call.answer(rangeAnswer())
    else call.stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
  })
  CLOSING.push(() => fake.close())
  return fake
}

/** A server of bytes, which keeps what it heard beyond the greeting of HTTP/2. */
async function rawServer(onSocket: (socket: Socket) => void) {
  const heard: Buffer[] = []
  let sockets = 0
  let open = 0
  const raw = await startRawServer((socket) => {
    sockets += 1
    open += 1
    socket.on('close', () => {
      open -= 1
    })
    socket.on('data', (bytes: Buffer) => heard.push(bytes))
    onSocket(socket)
  })
  CLOSING.push(() => raw.close())
  return {
    endpoint: raw.endpoint,
    get sockets() {
      return sockets
    },
    /** Connections that stand. */
    get open() {
      return open
    },
    /** True when a request's body or path came. */
    get hasRequest() {
      const text = Buffer.concat(heard).toString('latin1')
      return text.includes('etcdserverpb') || text.includes('the-value')
    },
  }
}

async function refusing(): Promise<Target> {
  return { endpoint: await deadEndpoint() }
}

/**
 * Accepts nothing: its queue is full, so that the kernel drops each SYN, and a connection is begun for ever.
 */
async function dropping(): Promise<Target> {
  const turn = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(FROZEN_LISTENER, { eval: true, workerData: turn })
  CLOSING.push(async () => {
    Atomics.store(turn, 0, 1)
    Atomics.notify(turn, 0)
    await worker.terminate()
  })
  const [port] = (await once(worker, 'message')) as [number]
  const fillers: Socket[] = []
  CLOSING.push(async () => {
    for (const filler of fillers) filler.destroy()
  })
  // The queue holds one more than it is asked to.
  for (let open = 0; open < 2; open += 1) {
    const filler = connect(port, '127.0.0.1').on('error', () => undefined)
    fillers.push(filler)
    await once(filler, 'connect')
  }
  return { endpoint: `http://127.0.0.1:${port}` }
}

/** Listens, and then runs no more. */
const FROZEN_LISTENER = `
  const { parentPort, workerData } = require('node:worker_threads')
  const server = require('node:net').createServer(() => undefined)
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port)
    Atomics.wait(workerData, 0, 0)
  })
`

const BAD_PEERS = {
  'refuses connections': refusing,
  'drops what asks for a connection': dropping,
  'takes connections and says nothing': () => rawServer(() => undefined),
  'speaks HTTP/1': () =>
    rawServer((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n'))
    }),
  'closes at once': () => rawServer((socket) => socket.end()),
  'resets at once': () => rawServer((socket) => socket.resetAndDestroy()),
  'closes after our greeting': () => rawServer((socket) => socket.once('data', () => socket.end())),
  'resets after our greeting': () =>
    rawServer((socket) => socket.once('data', () => socket.resetAndDestroy())),
  'talks nonsense': () => rawServer((socket) => socket.end('220 smtp.example.com ESMTP\r\n')),
  'breaks inside its SETTINGS': () => rawServer((socket) => socket.end(Buffer.from([0, 0, 6, 4, 0]))),
  'goes away before its SETTINGS': () =>
    rawServer((socket) => {
      socket.write(Buffer.from([0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))
    }),
} satisfies Record<string, () => Promise<Target>>

function channelTo(targets: readonly Target[], settings: Partial<ChannelSettings> = {}): UndiciChannel {
  const urls = targets.map(({ endpoint }) => endpoint)
  const channel = testChannel(urls, settings)
  CLOSING.push(() => channel.close())
  return channel
}

function put(channel: UndiciChannel, options = {}) {
  return channel.unary(KV.put, { key: 'k', value: 'the-value' }, { retry: 'write', ...options })
}

async function failure(call: Promise<unknown>): Promise<EtcdError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof EtcdError)) throw new Error('an EtcdError was expected', { cause: error })
  return error
}

describe.each(Object.entries(BAD_PEERS))('an endpoint that %s', (_, start) => {
  test('is passed over by writes, without a wait for its time to be up', async () => {
    const bad = await start()
    const good = await goodServer()
    const channel = channelTo([bad, good], { connectTimeoutMs: 60_000, callTimeoutMs: 20_000 })
    for (let index = 0; index < 6; index += 1) await put(channel)
    await Promise.all(Array.from({ length: 20 }, () => put(channel)))
    expect(good.calls).toHaveLength(26)
  })

  test('alone, was sent nothing: by its error, by abort, by time and by close', async () => {
    const bad = await start()
    const channel = channelTo([bad], { connectTimeoutMs: 300 })
    const stop = new AbortController()
    const aborted = failure(put(channel, { signal: stop.signal }))
    setTimeout(() => stop.abort(), 20)
    expect(await aborted).toMatchObject({ fate: 'not_sent' })
    expect(await failure(put(channel, { timeoutMs: 60 }))).toMatchObject({ fate: 'not_sent' })
    expect(await failure(put(channel, { timeoutMs: 800 }))).toMatchObject({ fate: 'not_sent' })
    const closed = failure(put(channel))
    await channel.close()
    expect(await closed).toMatchObject({ fate: 'not_sent' })
    if ('hasRequest' in bad) expect(bad.hasRequest).toBe(false)
  })

  test('is passed over by a stream', async () => {
    const bad = await start()
    const good = await goodServer()
    const channel = channelTo([bad, good], { connectTimeoutMs: 60_000 })
    const stream = channel.stream(Watch.watch, { onMessage: () => undefined, onEnd: () => undefined })
    stream.send({ request: { type: 'progress', value: {} } })
    await expect.poll(() => good.calls.length, { timeout: 10_000 }).toBe(1)
    expect(stream.endpoint).toBe(good.endpoint)
  })
})

test.each(['first', 'last'] as const)(
  'a host that drops SYNs, as the %s of three: no caller waits for it, not even where the others are lost',
  { timeout: 100_000 },
  async (place) => {
    const [bad, ...good] = [await dropping(), await goodServer(), await goodServer()]
    const connectTimeoutMs = 120_000
    const targets = place === 'first' ? [bad, ...good] : [...good, bad]
    const channel = channelTo(targets, {
      connectTimeoutMs,
      callTimeoutMs: 100_000,
      attemptTimeoutMs: 100_000,
    })
    const waits: number[] = []
    const work = async (): Promise<void> => {
      for (let call = 0; call < 10; call += 1) {
        const startedAt = performance.now()
        await channel.unary(KV.range, { key: 'k' }, { retry: 'read' })
        waits.push(performance.now() - startedAt)
      }
    }
    for (let wave = 0; wave < 3; wave += 1) {
      for (const { sessions } of good) for (const session of sessions) session.destroy()
      await Promise.all(Array.from({ length: 50 }, work))
    }
    expect(waits).toHaveLength(1_500)
    expect(Math.max(...waits)).toBeLessThan(connectTimeoutMs / 2)
  },
)

test.each(['a write', 'a stream'] as const)(
  'beside a host that drops SYNs, %s goes to an endpoint that failed and is back',
  { timeout: 100_000 },
  async (kind) => {
    const [bad, gone] = [await dropping(), await refusing()]
    const channel = channelTo([gone, bad], { connectTimeoutMs: 120_000, callTimeoutMs: 100_000 })
    const refused = Promise.withResolvers<void>()
    const onEnd = (): void => undefined
    if (kind === 'a stream') {
      channel
        .stream(Watch.watch, { onMessage: () => undefined, onEnd })
        .send({ request: { type: 'progress', value: {} } })
    }
    const writing =
      kind === 'a write' ? put(channel, { onRetry: () => refused.resolve() }) : refused.resolve()
    await refused.promise
    const back = await startFakeServer((call) => call.answer(putAnswer()), {
      port: Number(new URL(gone.endpoint).port),
    })
    CLOSING.push(() => back.close())
    await writing
    await expect.poll(() => back.calls.length, { timeout: 80_000 }).toBe(1)
  },
)

test('an endpoint that failed is connected in the background, by one attempt at a time', async () => {
  const mute = await rawServer(() => undefined)
  const good = await goodServer()
  const channel = channelTo([mute, good], { connectTimeoutMs: 100, backoff: FLAT })
  await put(channel)
  await expect.poll(() => mute.sockets, { timeout: 10_000 }).toBe(1)
  while (mute.sockets < 4) {
    await Promise.all(Array.from({ length: 10 }, () => put(channel)))
    expect(mute.open).toBeLessThanOrEqual(1)
    await new Promise(setImmediate)
  }
  expect(mute.hasRequest).toBe(false)
})

const FLAT = { minMs: 1, maxMs: 1, factor: 1, jitter: 0 }

/** Carries bytes until it is frozen: then it takes bytes and connections, and nothing comes back. */
async function freezable(target: Target) {
  let isFrozen = false
  const upstreams: Socket[] = []
  const raw = await startRawServer((socket) => {
    if (isFrozen) {
      socket.resume()
      return
    }
    const upstream = connect(Number(new URL(target.endpoint).port), '127.0.0.1')
    upstreams.push(upstream)
    upstream.on('error', () => undefined)
    socket.on('close', () => upstream.destroy())
    socket.on('data', (bytes: Buffer) => isFrozen || upstream.write(bytes))
    upstream.on('data', (bytes: Buffer) => isFrozen || socket.write(bytes))
  })
  CLOSING.push(() => raw.close())
  return {
    endpoint: raw.endpoint,
    freeze() {
      isFrozen = true
    },
  }
}

test('a member that freezes costs one write, not one in three', async () => {
  const frozen = await freezable(await goodServer())
  const channel = channelTo([frozen, await goodServer(), await goodServer()], {
    connectTimeoutMs: 1_000,
    callTimeoutMs: 2_000,
  })
  for (let index = 0; index < 6; index += 1) await put(channel, { timeoutMs: 20_000 })
  frozen.freeze()
  const codes: string[] = []
  for (let index = 0; index < 30; index += 1) {
    codes.push(
      await put(channel).then(
        () => 'ok',
        (error: EtcdError) => `${error.code} ${error.fate}`,
      ),
    )
  }
  expect(codes.filter((code) => code !== 'ok')).toEqual(['outcome_unknown unknown'])
})

test('the wall clock put back by an hour bars no endpoint', async () => {
  const gone = await refusing()
  let wallMs = Date.now()
  const clock = {
    now: () => wallMs,
    setTimeout: (run: () => void, ms: number) => setTimeout(run, ms),
    clearTimeout: (timer: unknown) => clearTimeout(timer as NodeJS.Timeout),
  }
  const good = await goodServer()
  const channel = channelTo([gone, good], { clock, backoff: FLAT })
  await put(channel)
  wallMs -= 3_600_000
  const back = await startFakeServer((call) => call.answer(putAnswer()), {
    port: Number(new URL(gone.endpoint).port),
  })
  CLOSING.push(() => back.close())
  for (let tries = 0; back.calls.length === 0 && tries < 2_000; tries += 1) await put(channel)
  expect(back.calls.length).toBeGreaterThan(0)
})

test('what a peer is, is asked once for all calls, and nothing of it is left after close', async () => {
  let sockets = 0
  const open = new Set<Socket>()
  const raw = await startRawServer((socket) => {
    sockets += 1
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    // Ends what undici begins, and holds the question what it is.
    if (sockets === 1) socket.once('data', () => socket.resetAndDestroy())
    else socket.resume()
  })
  CLOSING.push(() => raw.close())
  const channel = channelTo([raw])
  const calls = Array.from({ length: 10 }, () => failure(put(channel)))
  await expect.poll(() => sockets, { timeout: 5_000 }).toBe(2)
  await channel.close()
  for (const error of await Promise.all(calls))
    expect(error).toMatchObject({ code: 'closed', fate: 'not_sent' })
  await expect.poll(() => open.size, { timeout: 5_000 }).toBe(0)
  expect(sockets).toBe(2)
})

test('a call and a stream that wait for an endpoint that leaves the rotation go on to the next', async () => {
  const mute = await rawServer(() => undefined)
  const channel = channelTo([mute], { connectTimeoutMs: 60_000, callTimeoutMs: 20_000 })
  const ends: unknown[] = []
  const stream = channel.stream(Watch.watch, {
    onMessage: () => undefined,
    onEnd: (error) => ends.push(error),
  })
  stream.send({ request: { type: 'progress', value: {} } })
  const waiting = put(channel)
  await expect.poll(() => mute.sockets, { timeout: 5_000 }).toBe(1)
  const good = await goodServer()
  channel.useEndpoints([good.endpoint])
  await waiting
  await expect.poll(() => good.calls.length, { timeout: 5_000 }).toBe(2)
  expect(ends).toEqual([])
})
