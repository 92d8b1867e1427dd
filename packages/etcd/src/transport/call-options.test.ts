import { describe, expect, test } from 'vitest'
import { EtcdError } from '../errors.ts'
import { KV, Watch } from '../wire/rpc.ts'
import type { UndiciChannel } from './channel.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import { type FakeServer, putAnswer, startFakeServer, testChannel } from './fake-server.test.kit.ts'
import type { CallOptions } from './transport.ts'

const CLOSING = closedAfterEach()

async function start(): Promise<{ fake: FakeServer; channel: UndiciChannel }> {
  const fake = await startFakeServer((call) => call.answer(putAnswer()))
  CLOSING.push(() => fake.close())
  const channel = testChannel([fake.endpoint])
  CLOSING.push(() => channel.close())
  return { fake, channel }
}

const SECRET = 'hunter2'

function oops(): never {
  throw new Error(`from a getter: ${SECRET}`)
}

/** Options that no call can be made with, and what of them must be named. */
const HOSTILE: readonly (readonly [Record<string, unknown>, RegExp])[] = [
  [{ timeoutMs: Number.POSITIVE_INFINITY }, /timeoutMs is Infinity/],
  [{ timeoutMs: Number.NaN }, /timeoutMs is NaN/],
  [{ timeoutMs: -1 }, /timeoutMs is -1/],
  [{ timeoutMs: 2 ** 31 }, /timeoutMs is 2147483648/],
  [{ timeoutMs: '5' }, /timeoutMs is a text/],
  [{ timeoutMs: null }, /timeoutMs is null/],
  [{ signal: {} }, /not an AbortSignal/],
  [{ signal: new AbortController() }, /not an AbortSignal/],
  [{ signal: null }, /signal is null/],
  [{ signal: 'abort' }, /signal is a text/],
  [{ signal: new EventTarget() }, /not an AbortSignal/],
  [
    { signal: { aborted: false, addEventListener: () => undefined, removeEventListener: oops } },
    /not an AbortSignal|cannot be read/,
  ],
  [{ retry: 'reads' }, /retry is a text, not 'read' or 'write'/],
  [{ retry: true }, /retry is true/],
  [{ avoid: 5 }, /avoid is 5/],
  [{ requireLeader: 'yes' }, /requireLeader is a text/],
  [{ timeout: 5 }, /no option timeout, only timeoutMs/],
  [{ clusterId: -1n }, /clusterId is -1/],
  [{ clusterId: 2n ** 64n }, /clusterId is 18446744073709551616/],
  [null as never, /the options are null/],
  ['read' as never, /the options are a text/],
  [[] as never, /the options are a list/],
  [5 as never, /the options are 5/],
  [{ onRetry: 'log' }, /onRetry is a text/],
  [{ clusterId: 5 }, /clusterId is 5/],
  [{ endpoint: '' }, /empty/],
  [{ endpoint: 5 }, /no text/],
  [{ endpoint: {} }, /no text/],
  [{ endpoint: 'ftp://a:1' }, /ftp:/],
  [{ endpoint: 'http://a:99999' }, /not a URL/],
  [{ endpoint: 'http://a:1/path' }, /more than a host/],
  [{ endpoint: `http://root:${SECRET}@127.0.0.1:1` }, /user name or password/],
  [{ endpoint: `http://root:${SECRET}@127.0.0.1:99999` }, /not a URL/],
]

describe.each(HOSTILE)('a call with %o', (options, what) => {
  test('is refused as an EtcdError that names the option, and nothing is opened', async () => {
    const { fake, channel } = await start()
    const unary = channel.unary(KV.put, { key: 'k' }, options as CallOptions).catch((error: unknown) => error)
    const stream = (): unknown => {
      try {
        const handlers = { onMessage: () => undefined, onEnd: () => undefined }
        return channel.stream(Watch.watch, handlers, options as CallOptions)
      } catch (error) {
        return error
      }
    }
    for (const error of [await unary, stream()]) {
      if (!(error instanceof EtcdError)) throw new Error('an EtcdError was expected', { cause: error })
      expect(error).toMatchObject({ code: 'invalid_argument', fate: 'not_sent' })
      expect(error.what).toMatch(what)
      expect(`${error.stack} ${JSON.stringify(error)}`).not.toContain(SECRET)
    }
    expect(fake.sessions.size).toBe(0)
  })
})

const { path, request, response } = KV.put

/** What is no method, as code without types may give it. */
const NO_METHODS: readonly unknown[] = [
  null,
  undefined,
  'KV/Put',
  5,
  [],
  {},
  { path },
  { path, request },
  { path: 5, request, response },
  { path: '', request, response },
  { path: 'etcdserverpb.KV/Put', request, response },
  { path: '/etcdserverpb.KV/Put\r\nx: y', request, response },
  { path, request: null, response },
  { path, request, response: { decode: 5 } },
  {
    get path() {
      return oops()
    },
  },
]

const UNREADABLE: CallOptions = {
  get timeoutMs() {
    return oops()
  },
}

const NO_HANDLERS: readonly unknown[] = [
  null,
  undefined,
  'print',
  {},
  { onMessage: () => undefined },
  { onMessage: () => undefined, onEnd: 'end' },
  { onMessage: () => undefined, onEnd: () => undefined, onPart: 5 },
]

async function refusalOf(run: () => unknown): Promise<unknown> {
  try {
    return await run()
  } catch (error) {
    return error
  }
}

test('what is no method, or cannot be called back, is refused as an EtcdError, and nothing is opened', async () => {
  const { fake, channel } = await start()
  const quiet = { onMessage: () => undefined, onEnd: () => undefined }
  const runs = [
    ...NO_METHODS.flatMap((method) => [
      () => channel.unary(method as typeof KV.put, { key: 'k' }),
      () => channel.stream(method as typeof Watch.watch, quiet),
    ]),
    ...NO_HANDLERS.map((handlers) => () => channel.stream(Watch.watch, handlers as typeof quiet)),
    () => channel.unary(KV.put, { key: 'k' }, UNREADABLE),
    () => channel.stream(Watch.watch, quiet, UNREADABLE),
    ...[-1, Number.NaN, '1', undefined].map((attempt) => () => channel.backoffMs(attempt as number)),
  ]
  for (const run of runs) {
    const error = await refusalOf(run)
    expect(error, run.toString()).toMatchObject({
      name: 'EtcdError',
      code: 'invalid_argument',
      fate: 'not_sent',
    })
    expect(`${(error as Error).message} ${JSON.stringify(error)}`).not.toContain(SECRET)
  }
  expect([fake.sessions.size, fake.calls.length]).toEqual([0, 0])
})

test.each([null, undefined, 5, 'k'])('a request that is %s is refused, or an empty one', async (request) => {
  const { channel } = await start()
  const error = await refusalOf(() => channel.unary(KV.put, request as never))
  if (error instanceof Error) expect(error).toMatchObject({ name: 'EtcdError', code: 'invalid_argument' })
})

test('an endpoint without a scheme is the same as the one with it', async () => {
  const { fake, channel } = await start()
  await channel.unary(KV.put, { key: 'k' }, { endpoint: new URL(fake.endpoint).host })
  await channel.unary(KV.put, { key: 'k' }, { endpoint: `${fake.endpoint}/` })
  expect(fake.sessions.size).toBe(1)
})

test.each([undefined, null, 5n, Symbol('x'), { toString: () => SECRET }])(
  'a request with %s for a key is refused as an EtcdError',
  async (key) => {
    const { fake, channel } = await start()
    const error = await channel.unary(KV.put, { key: key as string, value: key as string }).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    if (error !== undefined) expect(error).toMatchObject({ code: 'invalid_argument', fate: 'not_sent' })
    expect(error === undefined || error instanceof EtcdError).toBe(true)
    expect(fake.calls.length).toBe(error === undefined ? 1 : 0)
  },
)

test('an onRetry that throws, or rejects, changes nothing', async () => {
  const fake = await startFakeServer((call) =>
    call.index < 4 ? call.refuse(8, 'etcdserver: too many requests') : call.answer(putAnswer()),
  )
  CLOSING.push(() => fake.close())
  const logged: unknown[] = []
  const quiet = () => undefined
  const channel = testChannel([fake.endpoint], {
    logger: { debug: quiet, info: quiet, warn: quiet, error: (message) => logged.push(message) },
  })
  CLOSING.push(() => channel.close())
  let told = 0
  const onRetry = (): Promise<never> | undefined => {
    told += 1
    if (told % 2 === 0) throw new Error('from onRetry')
    return Promise.reject(new Error('later, from onRetry'))
  }
  await channel.unary(KV.put, { key: 'k' }, { onRetry: onRetry as () => void })
  expect(told).toBe(4)
  await expect.poll(() => logged.length).toBe(4)
})

test.each([1, 2])(
  'a server that takes %i calls at a time is named, in a warning and in the error of the call that waits',
  async (maxCalls) => {
    const fake = await startFakeServer(
      (call) => {
        if (call.name === 'KV/Put') call.answer(putAnswer())
        else call.stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
      },
      { settings: { maxConcurrentStreams: maxCalls } },
    )
    CLOSING.push(() => fake.close())
    const warned: unknown[] = []
    const quiet = () => undefined
    const channel = testChannel([fake.endpoint], {
      logger: {
        debug: quiet,
        info: quiet,
        error: quiet,
        warn: (message, details) => warned.push([message, details]),
      },
    })
    CLOSING.push(() => channel.close())
    for (let open = 1; open <= maxCalls; open += 1) {
      const stream = channel.stream(Watch.watch, { onMessage: quiet, onEnd: quiet })
      stream.send({ request: { type: 'progress', value: {} } })
      await expect.poll(() => fake.calls.length).toBe(open)
    }
    expect(warned).toEqual([
      [expect.stringContaining('few calls at a time'), { endpoint: fake.endpoint, maxCalls }],
    ])
    await expect(channel.unary(KV.put, { key: 'k' }, { timeoutMs: 100 })).rejects.toMatchObject({
      code: 'deadline_exceeded',
      fate: 'not_sent',
      what: expect.stringContaining(`accepts ${maxCalls} calls at a time`),
    })
  },
)
