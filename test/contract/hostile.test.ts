import type { IncomingHttpHeaders } from 'node:http2'
import { connect } from 'node:net'
import { startEmbeddedEtcd } from '@livetree/embedded'
import {
  encodeFrame,
  frameOf,
  type Init,
  KV,
  Lease,
  type TxnRequest,
  Watch,
  type WatchRequest,
} from '@livetree/etcd/wire'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { withoutOpenHandles } from '../support/open-handles.ts'
import { eachServer, fresh, put, textOf } from './contract-server.ts'
import { op } from './operations.ts'
import { RawClient } from './raw-client.ts'
import { refusal } from './refusal.ts'
import { WatchClient } from './watch-client.ts'

withoutOpenHandles()

const frame = (type: number, flags: number, streamId: number, payload: Buffer = Buffer.alloc(0)): Buffer => {
  const header = Buffer.alloc(9)
  header.writeUIntBE(payload.length, 0, 3)
  header[3] = type
  header[4] = flags
  header.writeUInt32BE(streamId, 5)
  return Buffer.concat([header, payload])
}
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const settings = frame(4, 0, 0)
const hello = Buffer.concat([preface, settings])
const literal = (name: string, value: string): Buffer =>
  Buffer.concat([Buffer.of(0, name.length), Buffer.from(name), Buffer.of(value.length), Buffer.from(value)])
const headers = (authority: string, path: string = Watch.watch.path): Buffer =>
  Buffer.concat([
    literal(':method', 'POST'),
    literal(':scheme', 'http'),
    literal(':path', path),
    literal(':authority', authority),
    literal('content-type', 'application/grpc'),
  ])
const many = (count: number, make: (at: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, at) => make(at)))
const noise = many(5000, (at) => Buffer.of((at * 97) % 256))

const watchRequest = (request: Init<WatchRequest>['request']): Buffer =>
  encodeFrame(Watch.watch.request, { request })

/** What a hostile peer sends, given an authority: one that Node takes, or one that makes us read every frame. */
const attacks: Readonly<Record<string, (authority: string) => Buffer>> = {
  'a preface that is none': () => Buffer.from('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n'),
  'three bytes of one': () => Buffer.from('PRI'),
  noise: () => noise,
  'noise after the preface': () => Buffer.concat([hello, noise]),
  'noise after a call': (a) => Buffer.concat([hello, frame(1, 4, 1, headers(a)), noise]),
  'a frame larger than allowed': (a) =>
    Buffer.concat([hello, frame(1, 4, 1, headers(a)), frame(0, 0, 1, Buffer.alloc(200_000))]),
  'a frame of 16 MB that never comes': () =>
    Buffer.concat([hello, Buffer.from('ffffff010400000001', 'hex'), Buffer.alloc(300_000)]),
  'headers of 7 MB': (a) =>
    Buffer.concat([
      hello,
      frame(1, 0, 1, headers(a)),
      many(500, () => frame(9, 0, 1, Buffer.alloc(14_000, 0x82))),
    ]),
  'empty continuations without end': (a) =>
    Buffer.concat([hello, frame(1, 0, 1, headers(a)), many(50_000, () => frame(9, 0, 1))]),
  'headers that unfold to 30 MB': (a) => {
    const large = Buffer.concat([Buffer.from('4001627fb916', 'hex'), Buffer.alloc(3000, 0x61)])
    const bomb = Buffer.concat([headers(a), large, Buffer.alloc(10_000, 0xbe)])
    return Buffer.concat([hello, frame(1, 4, 1, bomb)])
  },
  '300 headers': (a) =>
    Buffer.concat([
      hello,
      frame(1, 4, 1, Buffer.concat([headers(a), many(300, (at) => literal(`h${at}`, 'v'))])),
    ]),
  'padding longer than the frame': () => Buffer.concat([hello, frame(1, 0x0c, 1, Buffer.of(255, 0x82))]),
  'half a header': (a) => Buffer.concat([hello, frame(1, 4, 1, headers(a)).subarray(0, 30)]),
  'headers interrupted by another frame': (a) =>
    Buffer.concat([hello, frame(1, 0, 1, headers(a)), settings, frame(9, 4, 1)]),
  'headers on stream 0': (a) => Buffer.concat([hello, frame(1, 4, 0, headers(a))]),
  'data before headers': () => Buffer.concat([hello, frame(0, 0, 1, Buffer.alloc(10))]),
  '50,000 SETTINGS': () => Buffer.concat([preface, many(50_000, () => settings)]),
  '50,000 acknowledgements': () => Buffer.concat([hello, many(50_000, () => frame(4, 1, 0))]),
  '50,000 PINGs before a call': () =>
    Buffer.concat([hello, many(50_000, () => frame(6, 0, 0, Buffer.alloc(8)))]),
  '50,000 PINGs after a call': (a) =>
    Buffer.concat([hello, frame(1, 4, 1, headers(a)), many(50_000, () => frame(6, 0, 0, Buffer.alloc(8)))]),
  '20,000 calls reset at once': (a) =>
    Buffer.concat([
      hello,
      many(20_000, (at) =>
        Buffer.concat([
          frame(1, 4, 2 * at + 1, headers(a)),
          frame(3, 0, 2 * at + 1, Buffer.from('00000008', 'hex')),
        ]),
      ),
    ]),
  'refused calls that it closes in the same packet': (a) =>
    Buffer.concat([
      hello,
      ...[KV.range.path, '/etcdserverpb.Maintenance/Downgrade', '/v3lockpb.Lock/Lock', '/'].flatMap(
        (path, at) =>
          ['00000000', '00000008'].flatMap((code, turn) => {
            const id = 4 * at + 2 * turn + 1
            return [frame(1, 4, id, headers(a, path)), frame(3, 0, id, Buffer.from(code, 'hex'))]
          }),
      ),
    ]),
  '200,000 keep-alives whose answers it does not read': (a) =>
    Buffer.concat([
      hello,
      frame(1, 4, 1, headers(a, Lease.keepAlive.path)),
      many(100, () =>
        frame(
          0,
          0,
          1,
          many(2000, () => encodeFrame(Lease.keepAlive.request, { id: 7n })),
        ),
      ),
    ]),
  '100,000 progress requests whose answers it does not read': (a) =>
    Buffer.concat([
      hello,
      frame(1, 4, 1, headers(a)),
      frame(0, 0, 1, watchRequest({ type: 'create', value: { key: 'a' } })),
      many(50, () =>
        frame(
          0,
          0,
          1,
          many(2000, () => watchRequest({ type: 'progress', value: {} })),
        ),
      ),
    ]),
  '5,000 watch streams that say nothing': (a) =>
    Buffer.concat([hello, many(5000, (at) => frame(1, 4, 2 * at + 1, headers(a)))]),
  'a window that overflows': (a) =>
    Buffer.concat([
      hello,
      frame(1, 4, 1, headers(a)),
      many(2, () => frame(8, 0, 0, Buffer.from('7fffffff', 'hex'))),
    ]),
}

describe('A hostile peer', () => {
  let server: Awaited<ReturnType<typeof startEmbeddedEtcd>>
  beforeAll(async () => {
    server = await startEmbeddedEtcd()
  })
  afterAll(() => server.close())

  test.each(
    Object.keys(attacks).flatMap((name) => [
      [name, 'h'],
      [name, 'http://h'],
    ]),
  )('that sends %s (to %s) keeps nobody else from working', async (name, authority) => {
    const socket = connect(server.port, '127.0.0.1')
    socket.on('error', () => {})
    // It reads nothing, so that answers have nowhere to go.
    socket.pause()
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    socket.write(attacks[name!]!(authority!))
    const client = new RawClient(server.endpoint)
    onTestFinished(() => client.close())
    const key = fresh('beside')
    await put(client, key, '1')
    expect(await textOf(client, key)).toBe('1')
    const watch = new WatchClient(client)
    await watch.create({ key })
    await put(client, key, '2')
    expect((await watch.events(1)).length).toBe(1)
    socket.destroy()
    await closed
  })

  test('leaves no watch stream behind', async () => {
    const client = new RawClient(server.endpoint)
    onTestFinished(() => client.close())
    await expect
      .poll(
        async () =>
          /watch_stream_total (\d+)/.exec(await (await fetch(`${server.endpoint}/metrics`)).text())?.[1],
      )
      .toBe('0')
  })
})

eachServer('A message', (server) => {
  const current = server.use()

  test.each([2 ** 21 + 1, 2 ** 26, 2 ** 32 - 1])(
    'announced with %i bytes is refused by its first five, whatever follows',
    async (length) => {
      const stream = current().client.request(KV.put.path)
      const answer = new Promise<IncomingHttpHeaders>((resolve) => stream.once('response', resolve))
      const header = Buffer.alloc(5)
      header.writeUInt32BE(length, 1)
      stream.on('error', () => {})
      stream.write(header)
      const { 'grpc-status': status, 'grpc-message': message } = await answer
      expect([status, message]).toEqual([
        '8',
        `grpc: received message larger than max (${length} vs. ${2 ** 21})`,
      ])
      stream.close()
    },
  )
})

/** A transaction inside as many others. */
const nested = (depth: number, innermost: Init<TxnRequest>): Init<TxnRequest> => {
  let txn = innermost
  for (let level = 1; level < depth; level += 1) txn = { success: [op.txn(txn)] }
  return txn
}

eachServer('Much at once', (server) => {
  const current = server.use()

  test('23 transactions nest 128 deep, and no deeper', async () => {
    const { client } = current()
    const key = fresh('deep')
    await client.call(KV.txn, nested(127, { success: [op.put({ key, value: '1' })] }))
    expect(await textOf(client, key)).toBe('1')
    await client.call(KV.txn, nested(128, { success: [op.put({ key, value: '2' })] }))
    expect(await textOf(client, key)).toBe('2')
    const refused = await refusal(
      client.call(KV.txn, nested(129, { success: [op.put({ key, value: '3' })] })),
    )
    expect(refused).toEqual({ code: 3, message: 'etcdserver: too many operations in txn request' })
  })

  test('31 10,000 watches on one stream are told of one change', async () => {
    const { client } = current()
    const key = fresh('watched')
    const watch = new WatchClient(client)
    const count = 10_000
    for (let n = 0; n < count; n += 1) {
      const range = n % 2 === 0 ? { key } : { key, rangeEnd: `${key}\0` }
      watch.stream.send({ request: { type: 'create', value: range } })
    }
    for (let n = 0; n < count; n += 1) await watch.next(60_000)
    await put(client, key, '1')
    expect((await watch.events(count)).length).toBe(count)
    watch.stream.reset()
  })
})

describe('Nonsense in messages', () => {
  test('is refused with 13 or a reason, on every method, and the server goes on', async () => {
    await using server = await startEmbeddedEtcd()
    const client = new RawClient(server.endpoint)
    onTestFinished(() => client.close())
    const methods = [...Object.values(KV), Lease.grant, Lease.revoke, Lease.timeToLive]
    // Nested without end, lengths that lie, numbers that do not end, fields of the wrong kind.
    const endless = Buffer.alloc(100_000, 0x1a)
    const messages = [
      '0a',
      '0aff',
      'ffffffffffffffffffff',
      '0a0180',
      '12ffffffffff0f',
      '0d00000000',
      '0b',
    ].map((hex) => frameOf(Buffer.from(hex, 'hex')))
    for (const { path } of methods) {
      for (const message of [...messages, frameOf(endless), frameOf(noise)]) {
        const ended = await client.send(path, message).then(
          () => 0,
          ({ code }: { code: number }) => code,
        )
        expect([0, 3, 5, 11, 13]).toContain(ended)
      }
    }
    expect((await client.send(KV.range.path, encodeFrame(KV.range.request, { key: 'a' }))).length).toBe(1)
  })
})
