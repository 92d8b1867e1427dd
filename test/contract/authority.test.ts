import { readFileSync } from 'node:fs'
import { createServer as createHttp2Server } from 'node:http2'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { createEtcdClient } from '@livetree/etcd'
import { encodeFrame, KV, Maintenance } from '@livetree/etcd/wire'
import { startEmbeddedEtcd } from '@livetree/embedded'
import { Etcd3 } from 'etcd3'
import { describe, expect, onTestFinished, test } from 'vitest'
import { takeFirstLook } from '../../packages/embedded/src/grpc/http2/first-look.ts'
import { makeCertificates } from '../support/make-certificates.ts'
import { eachServer, fresh, put } from './contract-server.ts'
import { RawClient } from './raw-client.ts'
import { WatchClient } from './watch-client.ts'

/** What stands in `:authority` when a Go client of etcd 3.4 dials an endpoint, and what else no parser of URLs gives. */
const odd = [
  'http://127.0.0.1:2379',
  'https://etcd.example:2379',
  'unix:///run/etcd.sock',
  'a b',
  'u@host',
  '"',
  '%',
]

const frame = (type: number, flags: number, streamId: number, payload: Buffer): Buffer => {
  const header = Buffer.alloc(9)
  header.writeUIntBE(payload.length, 0, 3)
  header[3] = type
  header[4] = flags
  header.writeUInt32BE(streamId, 5)
  return Buffer.concat([header, payload])
}
const preface = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(4, 0, 0, Buffer.alloc(0)),
])

/** A header of a request, in one of HPACK's forms. */
type Form = 'indexed' | 'plain' | 'never'
const literal = (form: Form, name: string, value: string): Buffer =>
  Buffer.concat([
    Buffer.of({ indexed: 0x40, plain: 0, never: 0x10 }[form], name.length),
    Buffer.from(name),
    // Long enough for every value here, and of two bytes for those of 127 and more.
    value.length < 127 ? Buffer.of(value.length) : Buffer.of(127, value.length - 127),
    Buffer.from(value),
  ])
const block = (form: Form, authority: string): Buffer =>
  Buffer.concat([
    literal(form, ':method', 'POST'),
    literal(form, ':scheme', 'http'),
    literal(form, ':path', KV.range.path),
    literal(form, ':authority', authority),
    literal(form, 'content-type', 'application/grpc'),
    literal(form, 'te', 'trailers'),
    literal(form, 'x-filling', 'x'.repeat(200)),
  ])
const data = (streamId: number): Buffer => frame(0, 1, streamId, encodeFrame(KV.range.request, { key: 'a' }))

/** Writes pieces to a server and counts the streams that end with `grpc-status: 0`; each does that in its trailers. */
const callsAnswered = async (endpoint: string, pieces: readonly Buffer[], count: number): Promise<number> => {
  const { hostname, port } = new URL(endpoint)
  const socket: Socket = connect(Number(port), hostname)
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => {})
  let seen = Buffer.alloc(0)
  const ended = new Promise<number>((resolve) => {
    let answered = 0
    socket.on('close', () => resolve(answered))
    socket.on('data', (chunk) => {
      seen = Buffer.concat([seen, chunk])
      while (seen.length >= 9 && seen.length >= 9 + seen.readUIntBE(0, 3)) {
        const [type, flags] = [seen[3], seen[4]!]
        if (type === 3 || type === 7) resolve(answered)
        // Headers that end a stream: the trailers.
        if (type === 1 && (flags & 1) !== 0) answered += 1
        seen = seen.subarray(9 + seen.readUIntBE(0, 3))
      }
      if (answered === count) resolve(answered)
    })
  })
  for (const piece of pieces) await new Promise<void>((resolve) => socket.write(piece, () => resolve()))
  return await ended
}

eachServer('Authority', (server) => {
  const current = server.use()

  test.each(odd)('a call to %j is served, before and after others on its connection', async (authority) => {
    const { endpoint } = current()
    const client = new RawClient(endpoint)
    onTestFinished(() => client.close())
    const key = fresh('authority')
    const revision = await put(client, key, '1')
    for (const metadata of [
      { ':authority': authority },
      {},
      { ':authority': authority, 'x-filling': 'x'.repeat(300) },
    ]) {
      expect((await client.call(KV.range, { key }, metadata)).count).toBe(1)
    }
    const watch = new WatchClient(client, { ':authority': authority })
    await watch.create({ key, startRevision: revision })
    expect((await watch.events(1))[0]?.kv?.value.toString()).toBe('1')
    const many = Array.from({ length: 50 }, () =>
      client.call(Maintenance.status, {}, { ':authority': authority }),
    )
    expect((await Promise.all(many)).every(({ header }) => header !== undefined)).toBe(true)
    const large = 'x'.repeat(1024 * 1024)
    await client.call(KV.put, { key, value: large }, { ':authority': authority })
    const { kvs } = await client.call(KV.range, { key }, { ':authority': authority })
    expect(kvs[0]?.value.toString() === large).toBe(true)
  })

  test.each(['http://127.0.0.1:2379', '127.0.0.1:2379'])(
    'the first call of a connection may be to %j',
    async (authority) => {
      const client = new RawClient(current().endpoint)
      onTestFinished(() => client.close())
      const metadata = { ':authority': authority }
      for (let n = 0; n < 3; n += 1)
        expect((await client.call(KV.range, { key: 'a' }, metadata)).count).toBe(0)
    },
  )

  const whole = (form: Form, at: number) => frame(1, 4, at, block(form, 'http://127.0.0.1:2379'))
  const odd1 = block('indexed', 'http://h')
  /** The dynamic table after `odd1`, newest first, begins at 62. */
  const fromTable = Buffer.of(0x80 | 68, 0x80 | 67, 0x80 | 66, 0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62)
  const priority = Buffer.of(0, 0, 0, 0, 15)
  const split = (parts: readonly Buffer[], flags = 0) =>
    Buffer.concat(
      parts.map((part, at) =>
        frame(at === 0 ? 1 : 9, (at === 0 ? flags : 0) | (at === parts.length - 1 ? 4 : 0), 1, part),
      ),
    )
  test.each([
    ['literals that enter the table', [whole('indexed', 1), data(1), whole('indexed', 3), data(3)], 2],
    ['literals that do not', [whole('plain', 1), data(1), whole('plain', 3), data(3)], 2],
    ['literals that never may', [whole('never', 1), data(1)], 1],
    [
      'the table alone',
      [frame(1, 4, 1, odd1), data(1), frame(1, 4, 3, fromTable), data(3), frame(1, 4, 5, fromTable), data(5)],
      3,
    ],
    [
      'a table made smaller and larger again',
      [
        frame(1, 4, 1, odd1),
        data(1),
        frame(1, 4, 3, Buffer.concat([Buffer.of(0x20, 0x3f, 0xe1, 0x1f), odd1])),
        data(3),
        frame(1, 4, 5, fromTable),
        data(5),
      ],
      3,
    ],
    [
      'continuations',
      [split([odd1.subarray(0, 1), odd1.subarray(1, 40), Buffer.alloc(0), odd1.subarray(40)]), data(1)],
      1,
    ],
    ['padding', [frame(1, 0x0c, 1, Buffer.concat([Buffer.of(7), odd1, Buffer.alloc(7)])), data(1)], 1],
    ['priority', [frame(1, 0x24, 1, Buffer.concat([priority, odd1])), data(1)], 1],
    [
      'padding and priority and continuations',
      [
        split(
          [Buffer.concat([Buffer.of(9), priority, odd1.subarray(0, 30), Buffer.alloc(9)]), odd1.subarray(30)],
          0x28,
        ),
        data(1),
      ],
      1,
    ],
  ])('is read from %s, at once and byte by byte', async (_, frames, calls) => {
    const bytes = Buffer.concat([preface, ...frames])
    const { endpoint } = current()
    expect(await callsAnswered(endpoint, [bytes], calls)).toBe(calls)
    expect(
      await callsAnswered(
        endpoint,
        [...bytes].map((byte) => Buffer.of(byte)),
        calls,
      ),
    ).toBe(calls)
    expect(await callsAnswered(endpoint, [preface, bytes.subarray(preface.length)], calls)).toBe(calls)
  })
})

describe('Authority over TLS', () => {
  test('a call to a URL is served', async () => {
    await using certificates = await makeCertificates()
    const read = ({ cert, key }: { cert: string; key: string }) => ({
      cert: readFileSync(cert),
      key: readFileSync(key),
    })
    await using server = await startEmbeddedEtcd({ tls: read(certificates.server) })
    const client = new RawClient(server.endpoint, { ca: readFileSync(certificates.ca) })
    onTestFinished(() => client.close())
    for (const metadata of [{}, { ':authority': server.endpoint }, {}]) {
      expect((await client.call(KV.range, { key: 'a' }, metadata)).count).toBe(0)
    }
  })
})

describe('The first look at a connection', () => {
  /** Says of each connection whether Node got the socket itself, which is then read without us. */
  const lookedAt = async () => {
    const isSocket: boolean[] = []
    const http2 = createHttp2Server().on('stream', (stream) => {
      stream.on('error', () => {})
      stream.respond({ ':status': 200, 'grpc-status': '12' }, { endStream: true })
    })
    const server = createServer((socket) => {
      socket.on('error', () => {})
      takeFirstLook(socket, (connection) => {
        isSocket.push(connection === socket)
        http2.emit('connection', connection)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, isSocket }
  }

  test("leaves livetree's own client and npm etcd3 to Node, at no cost, and filters what may name any authority", async () => {
    const { endpoint, isSocket } = await lookedAt()
    const livetree = createEtcdClient({ endpoints: [endpoint] })
    await livetree.kv.get('a').catch(() => {})
    await livetree.close()
    const etcd3 = new Etcd3({ hosts: endpoint })
    await etcd3.get('a').catch(() => {})
    etcd3.close()
    expect(isSocket.length).toBeGreaterThanOrEqual(2)
    expect(isSocket.every((each) => each)).toBe(true)
    const raw = new RawClient(endpoint)
    await raw.call(KV.range, { key: 'a' }).catch(() => {})
    await raw.close()
    expect(isSocket.at(-1)).toBe(false)
  })
})
