import { getEventListeners } from 'node:events'
import { constants } from 'node:http2'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { EtcdError } from '../errors.ts'
import { AuthenticateResponse } from '../wire/auth.ts'
import { encodeFrame } from '../wire/frame.ts'
import { KV, Watch } from '../wire/rpc.ts'
import { WatchRequest, WatchResponse } from '../wire/watch.ts'
import { deadEndpoint } from '../../../../test/support/dead-endpoint.ts'
import type { ChannelSettings, UndiciChannel } from './channel.ts'
import {
  type FakeCall,
  type FakeServer,
  rangeAnswer,
  type Script,
  startFakeServer,
  startRawServer,
  testChannel,
} from './fake-server.test.kit.ts'
import type { DuplexStream } from './transport.ts'
import { loadUndici } from './undici.ts'

const CLOSING: (() => Promise<void>)[] = []

// a channel's first call waits for it, and these tests look at streams as they begin
beforeAll(loadUndici)
afterEach(async () => {
  for (const close of CLOSING.splice(0).reverse()) await close()
})

async function server(script: Script): Promise<FakeServer> {
  const started = await startFakeServer(script)
  CLOSING.push(() => started.close())
  return started
}

function channelTo(
  servers: readonly { endpoint: string }[],
  settings?: Partial<ChannelSettings>,
): UndiciChannel {
  const channel = testChannel(
    servers.map((each) => each.endpoint),
    settings,
  )
  CLOSING.push(() => channel.close())
  return channel
}

function tick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await tick()
}

interface Opened {
  readonly stream: DuplexStream<WatchRequest>
  readonly messages: WatchResponse[]
  readonly ends: (EtcdError | undefined)[]
  ended(): Promise<EtcdError | undefined>
}

function open(
  channel: UndiciChannel,
  options: Parameters<UndiciChannel['stream']>[2] = {},
  onMessage: (message: WatchResponse) => void = () => undefined,
): Opened {
  const messages: WatchResponse[] = []
  const ends: (EtcdError | undefined)[] = []
  const handlers = {
    onMessage: (message: WatchResponse) => {
      messages.push(message)
      onMessage(message)
    },
    onEnd: (error: EtcdError | undefined) => void ends.push(error),
  }
  const stream = channel.stream(Watch.watch, handlers, options)
  const ended = async (): Promise<EtcdError | undefined> => {
    await until(() => ends.length > 0)
    return ends[0]
  }
  return { stream, messages, ends, ended }
}

function create(watchId: number) {
  return { request: { type: 'create', value: { key: 'k', watchId } } } as const
}
function message(watchId: number, extra: Parameters<typeof WatchResponse.encode>[0] = {}): Buffer {
  return encodeFrame(WatchResponse, { watchId, ...extra })
}

function begin(call: FakeCall): void {
  call.stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
}

function finish(call: FakeCall, status: Record<string, string> = { 'grpc-status': '0' }): void {
  call.stream.on('wantTrailers', () => call.stream.sendTrailers(status))
  call.stream.end()
}

function ids(call: FakeCall): number[] {
  return call.messages.map((each) => {
    const { request } = WatchRequest.decode(each)
    return request?.type === 'create' ? request.value.watchId : -1
  })
}

describe('a duplex stream', () => {
  test('keeps what is sent before the connection stands, in order', async () => {
    const fake = await server(begin)
    const { stream } = open(channelTo([fake]))
    for (let id = 1; id <= 20; id += 1) stream.send(create(id))
    await until(() => fake.calls[0]?.messages.length === 20)
    expect(ids(fake.calls[0]!)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1))
    expect(stream.endpoint).toBe(fake.endpoint)
    expect(fake.calls[0]?.headers).toMatchObject({ hasleader: 'true' })
  })

  test('shares its connection with unary calls and other streams', async () => {
    const fake = await server((call) => (call.name === 'KV/Range' ? call.answer(rangeAnswer()) : begin(call)))
    const channel = channelTo([fake])
    const opened = [open(channel), open(channel)]
    for (const { stream } of opened) stream.send(create(1))
    await until(() => fake.calls.length === 2)
    for (let round = 0; round < 20; round += 1) await channel.unary(KV.range, { key: 'k' }, { retry: 'read' })
    opened[0]!.stream.send(create(2))
    await until(() => fake.calls.some((call) => call.messages.length === 2))
    expect(fake.sessions.size).toBe(1)
  })

  test('hands on messages wherever chunks end', async () => {
    const fake = await server((call) => {
      begin(call)
      const all = Buffer.concat([
        message(1),
        message(2, { cancelReason: 'x'.repeat(300) }),
        message(3),
        message(4),
      ])
      for (const byte of all) call.stream.write(Buffer.of(byte))
      call.stream.write(Buffer.concat([message(5), message(6)]))
      finish(call)
    })
    const { stream, messages, ended } = open(channelTo([fake]))
    stream.send(create(1))
    expect(await ended()).toBeUndefined()
    expect(messages.map((each) => each.watchId)).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('loses nothing of a large history when the reader blocks the event loop', async () => {
    const count = 400
    const fake = await server((call) => {
      begin(call)
      for (let id = 1; id <= count; id += 1)
        call.stream.write(message(id, { cancelReason: 'x'.repeat(20_000) }))
      finish(call)
    })
    const block = (): void => {
      const until = performance.now() + 1
      while (performance.now() < until);
    }
    const { stream, messages, ended } = open(channelTo([fake]), {}, block)
    stream.send(create(1))
    expect(await ended()).toBeUndefined()
    expect(messages.map((each) => each.watchId)).toEqual(
      Array.from({ length: count }, (_, index) => index + 1),
    )
  })

  test('says that a part of a message came, once the rest is waited for', async () => {
    let rest = (): void => undefined
    const fake = await server((call) => {
      begin(call)
      const whole = message(1)
      call.stream.write(whole.subarray(0, -1))
      rest = () => {
        call.stream.write(whole.subarray(-1))
        finish(call)
      }
    })
    const heard: string[] = []
    const channel = channelTo([fake])
    const handlers = {
      onMessage: () => void heard.push('message'),
      onPart: () => void heard.push('part'),
      onEnd: () => void heard.push('end'),
    }
    channel.stream(Watch.watch, handlers).send(create(1))
    await until(() => heard.length > 0)
    rest()
    await until(() => heard.includes('end'))
    expect(heard).toEqual(['part', 'message', 'end'])
  })

  test('goes on when a handler throws', async () => {
    const fake = await server((call) => {
      begin(call)
      call.stream.write(Buffer.concat([message(1), message(2)]))
      finish(call)
    })
    const { stream, messages, ended } = open(channelTo([fake]), {}, () => {
      throw new Error('a listener')
    })
    stream.send(create(1))
    expect(await ended()).toBeUndefined()
    expect(messages).toHaveLength(2)
  })

  test('can be half-closed', async () => {
    const fake = await server((call) => {
      begin(call)
      call.stream.on('end', () => finish(call))
    })
    const { stream, ended } = open(channelTo([fake]))
    stream.send(create(1))
    stream.end()
    expect(await ended()).toBeUndefined()
    expect(fake.calls[0]?.messages).toHaveLength(1)
  })
})

describe('the end of a stream', () => {
  const scripts: readonly (readonly [string, Script, string])[] = [
    [
      'a status in the trailers',
      (call) => {
        begin(call)
        finish(call, { 'grpc-status': '14', 'grpc-message': 'etcdserver: no leader' })
      },
      'no_leader',
    ],
    [
      'a status in the headers alone',
      (call) => call.refuse(16, 'etcdserver: invalid auth token'),
      'unauthenticated',
    ],
    [
      'a reset',
      (call) => {
        begin(call)
        call.stream.close(constants.NGHTTP2_CANCEL)
      },
      'connection_lost',
    ],
    ['a lost connection', (call) => call.session.destroy(), 'connection_lost'],
    [
      'no status',
      (call) => {
        call.stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
        call.stream.end()
      },
      'connection_lost',
    ],
    [
      'an end inside a message',
      (call) => {
        begin(call)
        call.stream.write(message(1).subarray(0, -1))
        finish(call)
      },
      'connection_lost',
    ],
    [
      'a compressed message',
      (call) => {
        begin(call)
        call.stream.write(Buffer.from('0100000000', 'hex'))
      },
      'malformed_message',
    ],
    [
      'a message that is no protobuf',
      (call) => {
        begin(call)
        call.stream.write(Buffer.from('0000000001ff', 'hex'))
      },
      'malformed_message',
    ],
    [
      'an HTTP error',
      (call) => {
        call.stream.respond({ ':status': 404 })
        call.stream.end('<html>')
      },
      'not_grpc',
    ],
  ]

  test.each(scripts)('%s is told once', async (_, script, code) => {
    const fake = await server(script)
    const { stream, ends, ended } = open(channelTo([fake]))
    stream.send(create(1))
    expect(await ended()).toMatchObject({ code, endpoint: fake.endpoint, call: 'Watch/Watch' })
    stream.cancel()
    stream.send(create(2))
    await tick()
    expect(ends).toHaveLength(1)
  })

  test('by cancel() resets it and comes once, later', async () => {
    const fake = await server(begin)
    const { stream, ends, ended } = open(channelTo([fake]))
    stream.send(create(1))
    await until(() => fake.calls.length === 1)
    stream.cancel()
    stream.cancel()
    expect(ends).toHaveLength(0)
    expect((await ended())?.code).toBe('cancelled')
    await until(() => fake.calls[0]!.stream.closed)
    expect(ends).toHaveLength(1)
  })

  test('cancelled before the connection stands, it is never opened', async () => {
    const fake = await server((call) => (call.name === 'KV/Range' ? call.answer(rangeAnswer()) : begin(call)))
    const channel = channelTo([fake])
    const { stream, ended } = open(channel)
    stream.send(create(1))
    stream.cancel()
    expect((await ended())?.code).toBe('cancelled')
    await channel.unary(KV.range, { key: 'k' })
    expect(fake.calls.map((call) => call.name)).toEqual(['KV/Range'])
  })

  test('by signal, by time and by close()', async () => {
    const fake = await server(begin)
    const channel = channelTo([fake])
    const stop = new AbortController()
    const bySignal = open(channel, { signal: stop.signal })
    stop.abort(new Error('enough'))
    expect(await bySignal.ended()).toMatchObject({ code: 'cancelled' })
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0)
    expect(await open(channel, { signal: stop.signal }).ended()).toMatchObject({ code: 'cancelled' })
    expect(await open(channel, { timeoutMs: 30 }).ended()).toMatchObject({ code: 'deadline_exceeded' })
    const byClose = open(channel)
    byClose.stream.send(create(1))
    await until(() => fake.calls.some((call) => call.messages.length === 1))
    await channel.close()
    expect(await byClose.ended()).toMatchObject({ code: 'closed' })
    expect(await open(channel).ended()).toMatchObject({ code: 'closed' })
    await until(() => fake.sessions.size === 0)
  })

  test('where nobody listens', async () => {
    const { ends, ended } = open(channelTo([{ endpoint: await deadEndpoint() }]))
    expect(ends).toHaveLength(0)
    expect(await ended()).toMatchObject({ code: 'connect_failed', fate: 'not_sent' })
  })

  test('at a plain HTTP server', async () => {
    const raw = await startRawServer((socket) => {
      socket.once('data', () =>
        socket.end('HTTP/1.1 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n'),
      )
    })
    CLOSING.push(() => raw.close())
    const { stream, ended } = open(channelTo([raw]))
    stream.send(create(1))
    expect(await ended()).toMatchObject({ code: 'tls_failed', what: 'the server speaks TLS on this port' })
  })
})

test('a stream cancelled by its own message handler hears no more', async () => {
  const fake = await server((call) => {
    begin(call)
    call.stream.write(Buffer.concat([message(1), message(2), message(3)]))
  })
  const opened: Opened = open(channelTo([fake]), {}, () => opened.stream.cancel())
  opened.stream.send(create(1))
  expect((await opened.ended())?.code).toBe('cancelled')
  expect(opened.messages).toHaveLength(1)
})

describe('where a stream goes', () => {
  test('not to the endpoint to avoid, unless there is no other', async () => {
    const servers = [await server(begin), await server(begin)]
    const channel = channelTo(servers)
    const avoid = servers[0]!.endpoint
    for (let round = 0; round < 4; round += 1) {
      expect(open(channel, { avoid }).stream.endpoint).toBe(servers[1]!.endpoint)
    }
    expect(open(channelTo([servers[0]!]), { avoid }).stream.endpoint).toBe(avoid)
  })

  test('past an endpoint that has just failed', async () => {
    const bad = await server((call) => call.session.destroy())
    const good = await server(begin)
    const channel = channelTo([bad, good], {
      backoff: { minMs: 60_000, maxMs: 60_000, factor: 1, jitter: 0 },
    })
    const first = open(channel)
    first.stream.send(create(1))
    expect((await first.ended())?.code).toBe('connection_lost')
    for (let round = 0; round < 4; round += 1) expect(open(channel).stream.endpoint).toBe(good.endpoint)
  })

  test('with a token fetched first, and without one where auth fails', async () => {
    const fake = await server((call) => {
      if (call.name === 'Auth/Authenticate') call.answer(encodeFrame(AuthenticateResponse, { token: 'abc' }))
      else begin(call)
    })
    const { stream } = open(channelTo([fake], { credentials: { username: 'u', password: 'p' } }))
    stream.send(create(1))
    await until(() => fake.calls.length === 2 && fake.calls[1]!.messages.length === 1)
    expect(fake.calls[1]?.headers.token).toBe('abc')
    const strict = await server((call) =>
      call.refuse(3, 'etcdserver: authentication failed, invalid user ID or password'),
    )
    const refused = open(channelTo([strict], { credentials: { username: 'u', password: 'p' } }))
    expect(await refused.ended()).toMatchObject({ code: 'unauthenticated' })
  })
})
