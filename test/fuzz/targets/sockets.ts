import assert from 'node:assert/strict'
import fc from 'fast-check'
import { createEtcdClient, type EtcdClient } from '../../../packages/etcd/src/index.ts'
import { silentLogger } from '../../../packages/etcd/src/logger.ts'
import {
  type FakeServer,
  startFakeServer,
  testChannel,
} from '../../../packages/etcd/src/transport/fake-server.test.kit.ts'
import * as wire from '../../../packages/etcd/src/wire/index.ts'
import { type EmbeddedEtcd, startEmbeddedEtcd } from '../../../packages/embedded/src/index.ts'
import { RawStatus } from '../../contract/call-client.ts'
import { RawClient } from '../../contract/raw-client.ts'
import { arbitraryMessage, type NamedMessage } from '../arbitrary-message.ts'
import { assertDefined } from '../expect-defined.ts'
import { type FuzzTarget, fuzzTarget } from '../fuzz-target.ts'
import { mutatedBytes } from '../mutated-bytes.ts'

const framed = (type: NamedMessage) =>
  arbitraryMessage(type).map((message) => wire.encodeFrame(type, message as object))

const pieces = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 4 })

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const parts: Buffer[] = []
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = parts.length > 50 ? bytes.length : sizes[turn % sizes.length]!
    parts.push(bytes.subarray(at, at + size))
    at += size
  }
  return parts
}

/** What a server may say to one call. */
interface Answer {
  body: Buffer
  sizes: readonly number[]
  status: string | undefined
  message: string
  httpStatus: number
  contentType: string
}

const arbitraryAnswer: fc.Arbitrary<Answer> = fc.record({
  body: mutatedBytes(
    fc.oneof(
      framed(wire.RangeResponse as NamedMessage),
      fc
        .array(framed(wire.WatchResponse as NamedMessage), { maxLength: 4 })
        .map((frames) => Buffer.concat(frames)),
    ),
  ),
  sizes: pieces,
  status: fc.constantFrom('0', '0', '0', '0', '2', '5', '14', '16', '999', '-1', 'x', '', undefined),
  message: fc.constantFrom(
    '',
    'etcdserver: no leader',
    'etcdserver: mvcc: required revision has been compacted',
    '%',
    '%E0%A4%A',
    '%00',
  ),
  httpStatus: fc.constantFrom(200, 200, 200, 200, 204, 404, 503),
  contentType: fc.constantFrom('application/grpc', 'application/grpc', 'application/grpc', 'text/html', ''),
})

/** Plays the answer, to unary calls and to streams alike. */
const play = (server: { answer: Answer | undefined }) =>
  startFakeServer(({ stream }) => {
    const { body, sizes, status, message, httpStatus, contentType } = server.answer!
    if (stream.destroyed) return
    const hasTrailers = httpStatus !== 204
    stream.respond(
      { ':status': httpStatus, ...(contentType === '' ? {} : { 'content-type': contentType }) },
      { waitForTrailers: hasTrailers, endStream: !hasTrailers },
    )
    if (!hasTrailers) return
    stream.on('wantTrailers', () => {
      if (status === undefined) stream.close()
      else stream.sendTrailers({ 'grpc-status': status, 'grpc-message': message })
    })
    for (const part of cut(body, sizes)) stream.write(part)
    stream.end()
  })

interface Peers {
  readonly server: FakeServer
  readonly script: { answer: Answer | undefined }
  readonly channel: ReturnType<typeof testChannel>
}

/** Every kind of request to the embedded server. */
const methods = [wire.KV, wire.Watch, wire.Lease, wire.Cluster, wire.Maintenance, wire.Auth].flatMap(
  (service) => Object.values(service) as wire.Method<unknown, unknown>[],
)
/** They would change what the cases after them meet, or wait by design. */
const excluded = new Set<string>([wire.Auth.authEnable.path, wire.Maintenance.defragment.path])

interface Embedded {
  readonly etcd: EmbeddedEtcd
  readonly raw: RawClient
  readonly client: EtcdClient
}

export const sockets: readonly FuzzTarget[] = [
  fuzzTarget({
    name: 'answers',
    what: 'responses of a server to a read and on a stream, broken in body, status, headers and chunks, over a real socket: a message or an EtcdError with a known code for every call',
    shortCases: 50,
    weight: 1,
    mostCases: 6_000,
    input: arbitraryAnswer,
    async open(): Promise<Peers> {
      const script: Peers['script'] = { answer: undefined }
      const server = await play(script)
      const channel = testChannel([server.endpoint], {
        attemptTimeoutMs: 150,
        // refusals that may be sent again are, until then
        callTimeoutMs: 200,
        backoff: { minMs: 1, maxMs: 1, factor: 1, jitter: 0 },
        logger: silentLogger,
      })
      return { server, script, channel }
    },
    async close({ server, channel }) {
      channel.close()
      await server.close()
    },
    async check(answer, { script, channel, server }) {
      script.answer = answer
      server.calls.length = 0
      const signal = AbortSignal.timeout(20_000)
      // a write is sent once whatever comes back, so that a case is one answer
      await channel.unary(wire.KV.put, { key: 'k' }, { signal }).then(undefined, assertDefined)
      const ended = await new Promise<unknown>((resolve) => {
        const stream = channel.stream(
          wire.Watch.watch,
          { onMessage: () => undefined, onEnd: resolve },
          { signal },
        )
        stream.send({ request: { type: 'progress', value: {} } })
      })
      if (ended !== undefined) assertDefined(ended)
      assert.ok(!signal.aborted, 'a call did not end by itself')
    },
  }),
  fuzzTarget({
    name: 'requests',
    what: 'every method of the embedded server with broken and random bodies over a real socket: a status for each, and the next call is served',
    shortCases: 65,
    weight: 1,
    mostCases: 20_000,
    input: fc.constantFrom(...methods.filter(({ path }) => !excluded.has(path))).chain((method) =>
      fc.record({
        path: fc.constant(method.path),
        body: mutatedBytes(framed(method.request)),
        sizes: pieces,
      }),
    ),
    async open(): Promise<Embedded> {
      const etcd = await startEmbeddedEtcd()
      return {
        etcd,
        raw: new RawClient(etcd.endpoint),
        client: createEtcdClient({ endpoints: [etcd.endpoint] }),
      }
    },
    async close({ etcd, raw, client }) {
      await raw.close()
      await client.close()
      await etcd.close()
    },
    async check({ path, body, sizes }, { raw, client }) {
      const parts = cut(body, sizes)
      const isWatch = path === wire.Watch.watch.path
      // a watch whose client only listens any more goes on, so it is broken off after the next call
      const ended = isWatch ? openWatch(raw, parts) : raw.send(path, parts)
      if (!isWatch) await ended.then(undefined, assertStatus)
      await client.kv.get('k')
      if (isWatch) await ended
    },
  }),
]

/**
 * Sends bytes as a watch's requests, and drops the stream when a call later on the connection was answered.
 */
async function openWatch(raw: RawClient, parts: readonly Buffer[]): Promise<void> {
  const stream = raw.open(wire.Watch.watch)
  for (const part of parts) stream.sendBytes(part)
  await raw.call(wire.KV.range, { key: 'k' })
  stream.drop()
  await stream.status.then(assertStatus, () => undefined)
}

function assertStatus(error: unknown): void {
  if (!(error instanceof RawStatus)) throw error
  assert.ok(error.code >= 0 && error.code <= 16, `the status is ${error.code}`)
  assert.doesNotMatch(error.message, /TypeError|RangeError|undefined|Cannot read/)
}
