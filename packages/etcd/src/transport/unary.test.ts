import { getEventListeners } from 'node:events'
import { constants } from 'node:http2'
import { describe, expect, test } from 'vitest'
import { EtcdError, isFinalError } from '../errors.ts'
import { Auth, KV } from '../wire/rpc.ts'
import { AuthenticateResponse } from '../wire/auth.ts'
import { encodeFrame } from '../wire/frame.ts'
import { RangeResponse } from '../wire/kv.ts'
import type { ChannelSettings, UndiciChannel } from './channel.ts'
import { deadEndpoint } from '../../../../test/support/dead-endpoint.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import {
  type FakeCall,
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

async function failure(promise: Promise<unknown>): Promise<EtcdError> {
  const error = await promise.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  )
  if (error instanceof EtcdError) return error
  throw error
}

function get(channel: UndiciChannel, options = {}) {
  return channel.unary(KV.range, { key: 'k' }, { retry: 'read', ...options })
}
function put(channel: UndiciChannel, options = {}) {
  return channel.unary(KV.put, { key: 'k', value: 'v' }, { retry: 'write', ...options })
}

/** Answers get and put alike. */
const answerAll: Script = (call) => call.answer(call.name === 'KV/Put' ? putAnswer() : rangeAnswer())

describe('an answer', () => {
  test('is decoded, and the request carries what gRPC wants', async () => {
    const { endpoint, calls } = await server(answerAll)
    const channel = channelTo([{ endpoint }])
    expect((await get(channel)).kvs[0]?.value.toString()).toBe('v')
    expect(calls[0]?.headers).toMatchObject({
      'content-type': 'application/grpc',
      te: 'trailers',
      ':method': 'POST',
    })
    expect(calls[0]?.headers).not.toHaveProperty('hasleader')
    await get(channel, { requireLeader: true })
    expect(calls[1]?.headers).toMatchObject({ hasleader: 'true' })
  })

  test.each([1, 2, 4, 5, 6, 7])('is the same in chunks of %i bytes', async (chunkBytes) => {
    const fake = await server((call) => call.answer(rangeAnswer('x'.repeat(30)), { chunkBytes }))
    expect((await get(channelTo([fake]))).kvs[0]?.value.toString()).toBe('x'.repeat(30))
  })

  test('of several megabytes arrives whole', async () => {
    const value = Buffer.alloc(12_000_000, 'ab')
    const fake = await server((call) => call.answer(rangeAnswer(value), { chunkBytes: 100_000 }))
    expect((await get(channelTo([fake]))).kvs[0]?.value.equals(value)).toBe(true)
  })

  test('cut short counts as lost: a read is tried again, a write is of unknown outcome', async () => {
    const fake = await server((call) => {
      const whole = call.name === 'KV/Put' ? putAnswer() : rangeAnswer()
      call.answer(call.index === 0 || call.name === 'KV/Put' ? whole.subarray(0, -3) : whole)
    })
    const channel = channelTo([fake])
    expect((await get(channel)).count).toBe(1)
    const error = await failure(put(channel))
    expect(error.code).toBe('outcome_unknown')
    expect(error.cause).toMatchObject({
      code: 'connection_lost',
      what: expect.stringMatching(/\d+ of \d+ bytes/),
    })
  })

  test('that is compressed, empty, or without a status is not believed', async () => {
    const scripts: Script[] = [
      (call) => call.answer(Buffer.concat([Buffer.of(1), rangeAnswer().subarray(1)])),
      (call) => call.answer(Buffer.alloc(0)),
      (call) => {
        call.stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
        call.stream.end(rangeAnswer())
      },
    ]
    for (const [index, expected] of [/compressed/, /empty/, /without a status/].entries()) {
      const fake = await server(scripts[index]!)
      const error = await failure(get(channelTo([fake]), { timeoutMs: 1_000 }))
      expect(error.message).toMatch(expected)
    }
  })

  test('beyond the limit is refused', async () => {
    const fake = await server((call) => call.answer(rangeAnswer('x'.repeat(5000))))
    const error = await failure(get(channelTo([fake], { maxResponseBytes: 1000 })))
    expect(error.code).toBe('response_too_large')
  })

  test('that is no protobuf gives malformed_message with the place', async () => {
    const fake = await server((call) => call.answer(Buffer.from('0000000003ffffff', 'hex')))
    const error = await failure(get(channelTo([fake])))
    expect(error).toMatchObject({ code: 'malformed_message', call: 'KV/Range', endpoint: fake.endpoint })
  })
})

describe('a status', () => {
  test.each([
    [3, 'etcdserver: key is not provided', 'invalid_argument'],
    [3, 'etcdserver: duplicate key given in txn request', 'duplicate_key'],
    [3, 'etcdserver: request is too large', 'request_too_large'],
    [3, 'etcdserver: too many operations in txn request', 'request_too_large'],
    [3, 'etcdserver: authentication failed, invalid user ID or password', 'unauthenticated'],
    [5, 'etcdserver: requested lease not found', 'lease_not_found'],
    [7, 'etcdserver: permission denied', 'permission_denied'],
    [8, 'etcdserver: mvcc: database space exceeded', 'no_space'],
    [9, 'etcdserver: lease already exists', 'lease_exists'],
    [9, 'etcdserver: authentication is not enabled', 'auth_not_enabled'],
    [11, 'etcdserver: mvcc: required revision has been compacted', 'compacted'],
    [11, 'etcdserver: mvcc: required revision is a future revision', 'future_revision'],
    [12, 'unknown service etcdserverpb.KV', 'unimplemented'],
    [15, 'etcdserver: corrupt cluster', 'corrupt'],
  ])('%i "%s" is %s, in trailers and in headers alone', async (code, message, expected) => {
    const fake = await server((call) =>
      call.index === 0 ? call.answer(Buffer.alloc(0), { code, message }) : call.refuse(code, message),
    )
    const channel = channelTo([fake])
    for (let round = 0; round < 2; round += 1) {
      const error = await failure(put(channel))
      expect(error).toMatchObject({
        code: expected,
        grpcStatus: code,
        call: 'KV/Put',
        endpoint: fake.endpoint,
      })
    }
    expect(fake.calls).toHaveLength(2)
  })

  test('comes percent-encoded', async () => {
    const fake = await server((call) => call.refuse(3, 'caf%C3%A9 100%25'))
    expect((await failure(get(channelTo([fake])))).what).toBe('etcd says: café 100%')
    const broken = await server((call) => call.refuse(3, '%C3 %zz'))
    expect((await failure(get(channelTo([broken])))).what).toBe('etcd says: %C3 %zz')
  })

  test.each([
    [200, 'not_grpc'],
    [307, 'not_grpc'],
    [404, 'not_grpc'],
    [408, 'not_grpc'],
    [413, 'request_too_large'],
    [500, 'not_grpc'],
    [501, 'not_grpc'],
    [503, 'unavailable'],
    [520, 'not_grpc'],
  ] as const)(
    'HTTP %i of a gateway leaves a write open: it may have been forwarded before',
    async (status, code) => {
      const fake = await server((call) => {
        call.stream.respond({ ':status': status, 'content-type': 'text/html' })
        call.stream.end('<html>')
      })
      const channel = channelTo([fake])
      const what = expect.stringContaining(`HTTP ${status}`)
      expect(await failure(put(channel))).toMatchObject({
        code: 'outcome_unknown',
        fate: 'unknown',
        what,
        cause: expect.objectContaining({ code }),
      })
      expect(fake.calls).toHaveLength(1)
      if (code === 'unavailable') return
      expect(await failure(get(channel))).toMatchObject({ code, what, fate: 'unknown' })
    },
  )

  test.each([
    [502, 'text/html', 12],
    [500, 'text/html', 3],
    [200, 'text/html', 5],
    [403, 'application/grpc', 7],
    [400, 'application/grpc', 13],
  ])("HTTP %i %s is a gateway's word, also with grpc-status %i", async (status, type, grpcStatus) => {
    const gateway = await server((call) => {
      call.stream.respond({ ':status': status, 'content-type': type, 'grpc-status': `${grpcStatus}` })
      call.stream.end('<html>')
    })
    const good = await server(answerAll)
    expect(await failure(put(channelTo([gateway, good])))).toMatchObject({
      code: 'outcome_unknown',
      fate: 'unknown',
    })
    expect(good.calls).toHaveLength(0)
  })

  test('that says "not applied" is tried again, also for writes', async () => {
    for (const [code, message] of [
      [8, 'etcdserver: too many requests'],
      [14, 'etcdserver: no leader'],
    ] as const) {
      const fake = await server((call) => (call.index < 3 ? call.refuse(code, message) : answerAll(call)))
      await put(channelTo([fake]))
      expect(fake.calls).toHaveLength(4)
    }
  })

  test('that leaves the outcome open is tried again for reads only', async () => {
    for (const message of [
      'etcdserver: request timed out',
      'etcdserver: server stopped',
      'etcdserver: leader changed',
    ]) {
      const fake = await server((call) => (call.index === 0 ? call.refuse(14, message) : answerAll(call)))
      expect((await get(channelTo([fake]))).count).toBe(1)
      expect(fake.calls).toHaveLength(2)
      const writes = await server((call) => (call.index === 0 ? call.refuse(14, message) : answerAll(call)))
      const error = await failure(put(channelTo([writes])))
      expect(error).toMatchObject({ code: 'outcome_unknown', fate: 'unknown' })
      expect(error.message).toMatch(/^\[outcome_unknown\] KV\/Put on http:.*Read the key back/)
      expect(writes.calls).toHaveLength(1)
    }
  })

  test('that comes back whatever one does ends a read after one more attempt', async () => {
    const fake = await server((call) => call.refuse(13, 'broken'))
    expect((await failure(get(channelTo([fake])))).code).toBe('internal')
    expect(fake.calls).toHaveLength(2)
  })

  test('NOSPACE is never tried again and its outcome is open', async () => {
    const fake = await server((call) => call.refuse(8, 'etcdserver: mvcc: database space exceeded'))
    expect(await failure(put(channelTo([fake])))).toMatchObject({ code: 'no_space', fate: 'unknown' })
    expect(fake.calls).toHaveLength(1)
  })
})

describe('a lost connection', () => {
  test('after a write was sent: outcome_unknown, and the server saw it once', async () => {
    const fake = await server((call) => (call.name === 'KV/Put' ? call.session.destroy() : answerAll(call)))
    const channel = channelTo([fake])
    await get(channel)
    const error = await failure(put(channel))
    expect(error).toMatchObject({ code: 'outcome_unknown', fate: 'unknown', call: 'KV/Put' })
    expect((await get(channel)).count).toBe(1)
    expect(fake.calls.filter((call) => call.name === 'KV/Put')).toHaveLength(1)
  })

  test('with many writes in flight: every one settles, each was seen once at most', async () => {
    const seen = new Map<string, number>()
    const fake = await server((call) => {
      const body = call.messages[0]!.toString('hex')
      seen.set(body, (seen.get(body) ?? 0) + 1)
      if (call.index < 150) call.answer(putAnswer())
    })
    const channel = channelTo([fake])
    let answered = 0
    const writes = Array.from({ length: 300 }, async (_, index) => {
      await channel.unary(KV.put, { key: `k${index}`, value: 'v' })
      answered += 1
    })
    while (answered < 150 || fake.calls.length < 300) await new Promise(setImmediate)
    for (const session of fake.sessions) session.destroy()
    const results = await Promise.allSettled(writes)
    const codes = results.map((each) => (each.status === 'rejected' ? (each.reason as EtcdError).code : 'ok'))
    expect(codes.filter((code) => code === 'ok')).toHaveLength(150)
    expect(codes.filter((code) => code === 'outcome_unknown')).toHaveLength(150)
    expect(Math.max(...seen.values())).toBe(1)
  })

  test.each([
    ['INTERNAL_ERROR', constants.NGHTTP2_INTERNAL_ERROR],
    ['CANCEL', constants.NGHTTP2_CANCEL],
    ['NO_ERROR', constants.NGHTTP2_NO_ERROR],
  ])('a reset with %s leaves the outcome open', async (_, code) => {
    const fake = await server((call) =>
      call.name === 'KV/Put' || call.index === 0 ? call.stream.close(code) : answerAll(call),
    )
    const channel = channelTo([fake])
    expect((await get(channel)).count).toBe(1)
    expect((await failure(put(channel))).code).toBe('outcome_unknown')
    expect(fake.calls.filter((call) => call.name === 'KV/Put')).toHaveLength(1)
  })

  test.each([
    ['REFUSED_STREAM', (call: FakeCall) => call.stream.close(constants.NGHTTP2_REFUSED_STREAM)],
    ['GOAWAY', (call: FakeCall) => call.session.goaway(constants.NGHTTP2_NO_ERROR, 1)],
  ])(
    'a %s that leaves the call out is no proof: a write is not sent again, not even by undici',
    async (_, turnAway) => {
      const fake = await server((call) => (call.name === 'KV/Put' ? turnAway(call) : answerAll(call)))
      const channel = channelTo([fake])
      await get(channel)
      expect(await failure(put(channel))).toMatchObject({ code: 'outcome_unknown', fate: 'unknown' })
      expect(fake.calls).toHaveLength(2)
      expect((await get(channel)).count).toBe(1)
    },
  )

  test('GOAWAY lets calls in flight finish and sends later ones elsewhere', async () => {
    const held: (() => void)[] = []
    const fake = await server((call) => {
      if (call.index === 1) {
        held.push(() => answerAll(call))
        call.session.goaway(constants.NGHTTP2_NO_ERROR, 2 ** 31 - 1)
      } else answerAll(call)
    })
    const channel = channelTo([fake])
    await get(channel)
    const slow = put(channel)
    while (held.length === 0) await new Promise(setImmediate)
    await put(channel)
    held[0]!()
    await slow
    expect(fake.calls).toHaveLength(3)
    expect(new Set(fake.calls.map((call) => call.session)).size).toBe(2)
  })
})

describe('endpoints', () => {
  const refused = async (): Promise<{ endpoint: string }> => ({ endpoint: await deadEndpoint() })

  test('calls go round them', async () => {
    const servers = [await server(answerAll), await server(answerAll), await server(answerAll)]
    const channel = channelTo(servers)
    for (let index = 0; index < 9; index += 1) await put(channel)
    expect(servers.map((each) => each.calls.length)).toEqual([3, 3, 3])
  })

  test('one that refuses connections is passed over, also by writes, and rests', async () => {
    const good = await server(answerAll)
    const channel = channelTo([await refused(), good], {
      backoff: { minMs: 60_000, maxMs: 60_000, factor: 1, jitter: 0 },
    })
    for (let index = 0; index < 5; index += 1) await put(channel)
    expect(good.calls).toHaveLength(5)
  })

  test('when none can be reached, the error names the reason, the endpoint and the remedy', async () => {
    const gone = await refused()
    const error = await failure(put(channelTo([gone]), { timeoutMs: 150 }))
    expect(error).toMatchObject({ code: 'connect_failed', fate: 'not_sent', endpoint: gone.endpoint })
    expect(error.message).toBe(
      `[connect_failed] KV/Put on ${gone.endpoint}: connection refused. Is etcd running there, and is the endpoint right? Check host, port and firewall.`,
    )
  })

  test('one that comes back within the timeout is reached', async () => {
    const gone = await refused()
    const channel = channelTo([gone])
    const waiting = put(channel)
    const late = await startFakeServer(answerAll, { port: Number(new URL(gone.endpoint).port) })
    CLOSING.unshift(() => late.close())
    expect((await waiting).header?.revision).toBe(5)
  })

  test('a silent one is left by reads after a while, never by writes', async () => {
    const silent = await server(() => undefined)
    const good = await server(answerAll)
    const channel = channelTo([silent, good], { attemptTimeoutMs: 50 })
    expect((await get(channel)).count).toBe(1)
    expect(silent.calls).toHaveLength(1)
    const lonely = channelTo([silent], { attemptTimeoutMs: 50 })
    const error = await failure(put(lonely, { timeoutMs: 200 }))
    expect(error).toMatchObject({
      code: 'outcome_unknown',
      cause: expect.objectContaining({ code: 'deadline_exceeded' }),
    })
    expect(silent.calls).toHaveLength(2)
  })

  test.each([1, 2, 3])('%i silent ones before a good one share the time of a read with it', async (count) => {
    const silent = await Promise.all(Array.from({ length: count }, () => server(() => undefined)))
    const good = await server(answerAll)
    const channel = channelTo([...silent, good], { attemptTimeoutMs: 20_000 })
    expect((await get(channel, { timeoutMs: 8_000 })).count).toBe(1)
    expect(silent.map(({ calls }) => calls.length)).toEqual(silent.map(() => 1))
  })

  test('one named is the only one asked', async () => {
    const servers = [await server(answerAll), await server(answerAll)]
    const channel = channelTo([servers[0]!])
    for (let index = 0; index < 3; index += 1) await get(channel, { endpoint: servers[1]!.endpoint })
    expect(servers.map((each) => each.calls.length)).toEqual([0, 3])
    expect(channel.endpoints()).toEqual([servers[0]!.endpoint])
  })
})

describe('what is no etcd', () => {
  const plainHttp = async (): Promise<{ endpoint: string }> => {
    const raw = await startRawServer((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\n\r\n<html>'))
    })
    CLOSING.push(() => raw.close())
    return raw
  }

  test('a plain HTTP server gives not_grpc at once, and a write is known not to be applied', async () => {
    const raw = await plainHttp()
    const error = await failure(put(channelTo([raw])))
    expect(error).toMatchObject({ code: 'not_grpc', fate: 'not_sent' })
    expect(error.what).toBe('the server on this port speaks HTTP/1.1, not HTTP/2')
  })

  test('is passed over when another endpoint is right', async () => {
    const good = await server(answerAll)
    await put(channelTo([await plainHttp(), good]))
    expect(good.calls).toHaveLength(1)
  })

  test('a server that talks nonsense gives not_grpc', async () => {
    const raw = await startRawServer((socket) => socket.end('220 smtp.example.com ESMTP ready\r\n'))
    CLOSING.push(() => raw.close())
    expect((await failure(get(channelTo([raw])))).what).toBe('the server on this port does not speak HTTP/2')
  })

  test('a port that takes connections and says nothing ends at the deadline', async () => {
    const raw = await startRawServer(() => undefined)
    CLOSING.push(() => raw.close())
    expect((await failure(get(channelTo([raw]), { timeoutMs: 150 }))).code).toBe('deadline_exceeded')
  })
})

describe('cancelling', () => {
  test('a signal that has fired sends nothing', async () => {
    const fake = await server(answerAll)
    const error = await failure(put(channelTo([fake]), { signal: AbortSignal.abort() }))
    expect(error).toMatchObject({ code: 'cancelled', fate: 'not_sent' })
    expect(fake.calls).toHaveLength(0)
  })

  test('in flight it resets the call and says that the fate of a write is open', async () => {
    const stop = new AbortController()
    const fake = await server((call) => {
      call.stream.on('close', () => closed.resolve(undefined))
      stop.abort(new Error('enough'))
    })
    const closed = Promise.withResolvers<undefined>()
    const error = await failure(put(channelTo([fake]), { signal: stop.signal }))
    expect(error).toMatchObject({
      code: 'cancelled',
      fate: 'unknown',
      cause: expect.objectContaining({ message: 'enough' }),
    })
    await closed.promise
  })

  test('a call that still waits for its connection is not sent later', async () => {
    const fake = await server(answerAll)
    const channel = channelTo([fake])
    const stop = new AbortController()
    const cancelled = failure(put(channel, { signal: stop.signal }))
    stop.abort()
    expect((await cancelled).fate).toBe('not_sent')
    await get(channel)
    expect(fake.calls.map((call) => call.name)).toEqual(['KV/Range'])
  })

  test('calls given up while they are being sent leave nothing that could break later', async () => {
    const held: (() => void)[] = []
    const fake = await server((call) =>
      call.name === 'KV/Put' ? held.push(() => answerAll(call)) : answerAll(call),
    )
    const channel = channelTo([fake])
    await get(channel)
    const given = Array.from({ length: 50 }, () => {
      const stop = new AbortController()
      const outcome = failure(put(channel, { signal: stop.signal }))
      stop.abort()
      return outcome
    })
    expect(new Set((await Promise.all(given)).map((error) => error.code))).toEqual(new Set(['cancelled']))
    while (held.length < 50) await get(channel)
    for (const answer of held) answer()
    for (let round = 0; round < 5; round += 1) await get(channel)
    // Whatever still listens for those answers gets an error now; the run fails if nobody does.
    for (const session of fake.sessions) session.destroy(new Error('gone'), constants.NGHTTP2_INTERNAL_ERROR)
    await get(channel)
  })

  test('a shared signal is left without listeners after 2,000 calls', async () => {
    const fake = await server(answerAll)
    const channel = channelTo([fake])
    const { signal } = new AbortController()
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(Array.from({ length: 100 }, () => get(channel, { signal })))
    }
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })
})

describe('requests', () => {
  test('above the limit are not sent', async () => {
    const fake = await server(answerAll)
    const channel = channelTo([fake])
    const error = await failure(channel.unary(KV.put, { key: 'k', value: Buffer.alloc(1_600_000) }))
    expect(error).toMatchObject({ code: 'request_too_large', fate: 'not_sent' })
    expect(fake.calls).toHaveLength(0)
  })
})

describe('close', () => {
  test('ends calls in flight, closes the socket, and refuses what comes later', async () => {
    const fake = await server(() => undefined)
    const channel = channelTo([fake])
    const calls = [failure(get(channel)), failure(put(channel))]
    while (fake.calls.length < 2) await new Promise(setImmediate)
    await channel.close()
    expect(await Promise.all(calls)).toMatchObject([
      { code: 'closed', fate: 'unknown' },
      { code: 'closed', fate: 'unknown' },
    ])
    while (fake.sessions.size > 0) await new Promise(setImmediate)
    expect((await failure(get(channel))).code).toBe('closed')
    await channel.close()
  })
})

describe('the token', () => {
  const credentials = { username: 'root', password: 'top-secret' }
  const tokenAnswer = (token: string): Buffer => encodeFrame(AuthenticateResponse, { token })

  /** Gives out t1, t2, …; only the newest of those not revoked is taken. */
  const guarded = async (refusal: readonly [number, string] = [16, 'etcdserver: invalid auth token']) => {
    const state = { issued: 0, valid: '' }
    const fake = await server((call) => {
      if (call.name === 'Auth/Authenticate') {
        state.issued += 1
        state.valid = `t${state.issued}`
        call.answer(tokenAnswer(state.valid))
      } else if (call.headers.token !== state.valid) call.refuse(...refusal)
      else answerAll(call)
    })
    return { fake, state }
  }

  test('is fetched before the first call and sent as it is', async () => {
    const { fake } = await guarded()
    const channel = channelTo([fake], { credentials })
    await put(channel)
    expect(fake.calls.map((call) => call.name)).toEqual(['Auth/Authenticate', 'KV/Put'])
    expect(fake.calls[0]?.headers).not.toHaveProperty('token')
    expect(fake.calls[1]?.headers.token).toBe('t1')
    expect(Auth.authenticate.request.decode(fake.calls[0]!.messages[0]!)).toEqual({
      name: 'root',
      password: 'top-secret',
    })
  })

  test.each([
    [16, 'etcdserver: invalid auth token'],
    [3, 'etcdserver: user name is empty'],
    [3, 'etcdserver: revision of auth store is old'],
  ] as const)('expired (%i %s): one Authenticate for 50 calls, writes included', async (code, message) => {
    const { fake, state } = await guarded([code, message])
    const channel = channelTo([fake], { credentials })
    await put(channel)
    state.valid = 'expired'
    await Promise.all(Array.from({ length: 50 }, (_, index) => (index % 2 ? put(channel) : get(channel))))
    expect(state.issued).toBe(2)
  })

  test('replaced meanwhile is not replaced again for a call that is refused late', async () => {
    const late: (() => void)[] = []
    let valid = 't0'
    let issued = 0
    const fake = await server((call) => {
      if (call.name === 'Auth/Authenticate') {
        issued += 1
        valid = `t${issued}`
        call.answer(tokenAnswer(valid))
      } else if (call.headers.token === valid) answerAll(call)
      else if (call.name === 'KV/Put') late.push(() => call.refuse(16, 'etcdserver: invalid auth token'))
      else call.refuse(16, 'etcdserver: invalid auth token')
    })
    const channel = channelTo([fake], { credentials })
    await get(channel)
    valid = 'expired'
    const slow = put(channel)
    await get(channel)
    for (const refuse of late) refuse()
    await slow
    expect(issued).toBe(2)
  })

  test('with the wrong password fails every call in words, without the password', async () => {
    const fake = await server((call) =>
      call.refuse(3, 'etcdserver: authentication failed, invalid user ID or password'),
    )
    const channel = channelTo([fake], { credentials })
    const error = await failure(put(channel))
    expect(error).toMatchObject({ code: 'unauthenticated' })
    const { inspect } = await import('node:util')
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('top-secret')
    expect(inspect(channel, { depth: 9, showHidden: true })).not.toContain('top-secret')
  })

  test.each([
    [16, 'etcdserver: invalid auth token', 5],
    [3, 'etcdserver: revision of auth store is old', 7],
  ] as const)(
    'that is outdated again and again ends no call before its time: %i %s',
    async (code, text, refusals) => {
      let left: number = refusals
      const fake = await server((call) => {
        if (call.name === 'Auth/Authenticate') call.answer(tokenAnswer(`t${left}`))
        else if (left > 0) {
          left -= 1
          call.refuse(code, text)
        } else answerAll(call)
      })
      const backoff = { minMs: 1, maxMs: 10, factor: 2, jitter: 0 }
      await put(channelTo([fake], { credentials, backoff }))
      left = Number.POSITIVE_INFINITY
      const begun = fake.calls.length
      const slow = { ...backoff, minMs: 20, maxMs: 2_000 }
      const error = await failure(get(channelTo([fake], { credentials, backoff: slow }), { timeoutMs: 400 }))
      expect([error.message.includes(text.slice(12)), isFinalError(error)]).toEqual([true, false])
      expect(fake.calls.length - begun).toBeLessThan(16)
    },
  )

  test('that is missing again and again ends the call', async () => {
    const fake = await server((call) =>
      call.name === 'Auth/Authenticate'
        ? call.answer(tokenAnswer('t'))
        : call.refuse(3, 'etcdserver: user name is empty'),
    )
    const error = await failure(get(channelTo([fake], { credentials })))
    expect([error.code, isFinalError(error)]).toEqual(['unauthenticated', true])
    expect(fake.calls.length).toBeLessThan(12)
  })

  test('that cannot be had leaves no doubt about the write that waited for it', async () => {
    const fake = await server((call) => call.session.destroy())
    const error = await failure(put(channelTo([fake], { credentials }), { timeoutMs: 200 }))
    expect(error).toMatchObject({ code: 'deadline_exceeded', fate: 'not_sent', call: 'KV/Put' })
    expect(fake.calls.every((call) => call.name === 'Auth/Authenticate')).toBe(true)
    const impatient = channelTo([fake], { credentials, callTimeoutMs: 100 })
    expect(await failure(put(impatient, { timeoutMs: 5_000 }))).toMatchObject({
      fate: 'not_sent',
      call: 'KV/Put',
    })
  })

  test('on a cluster without auth calls go without one', async () => {
    const fake = await server((call) =>
      call.name === 'Auth/Authenticate'
        ? call.refuse(9, 'etcdserver: authentication is not enabled')
        : answerAll(call),
    )
    const channel = channelTo([fake], { credentials })
    await put(channel)
    await put(channel)
    expect(fake.calls.map((call) => call.name)).toEqual(['Auth/Authenticate', 'KV/Put', 'KV/Put'])
  })

  test("without credentials nothing is fetched, and the server's refusal is final", async () => {
    const { fake } = await guarded([3, 'etcdserver: user name is empty'])
    expect((await failure(put(channelTo([fake])))).code).toBe('unauthenticated')
    expect(fake.calls).toHaveLength(1)
  })
})

test('RangeResponse of the kit decodes', () => {
  expect(RangeResponse.decode(rangeAnswer().subarray(5)).count).toBe(1)
})
