import type { IncomingHttpHeaders } from 'node:http2'
import { encodeFrame, KV, Lease, type Method, Watch } from '@livetree/etcd/wire'
import { expect, onTestFinished, test } from 'vitest'
import type { Metadata } from './call-client.ts'
import { eachServer, fresh, put, revisionOf, textOf } from './contract-server.ts'
import { differs } from './differences.ts'
import { RawClient, type RawStream } from './raw-client.ts'
import { refusal } from './refusal.ts'

/** What came back of a stream: the HTTP status, the answers' number, and gRPC's status wherever it stood. */
interface Answer {
  readonly http: number | undefined
  readonly messages: boolean
  readonly status: string | undefined
}

const range = encodeFrame(KV.range.request, { key: 'a' })
const expired = '4 context deadline exceeded'

eachServer('Calls', (server) => {
  const current = server.use()

  /** Sends bytes as they are and takes what comes back until the stream is closed. */
  const exchange = (path: string, headers: Metadata, pieces: readonly Buffer[], isEnded = true) =>
    new Promise<Answer>((resolve) => {
      const client = new RawClient(current().endpoint)
      onTestFinished(() => client.close())
      const stream = client.request(path, headers)
      let http: number | undefined
      let status: string | undefined
      let messages = false
      const read = (got: IncomingHttpHeaders): void => {
        if (got['grpc-status'] === undefined) return
        status = `${got['grpc-status']} ${decodeURIComponent(String(got['grpc-message'] ?? ''))}`.trim()
      }
      stream.on('response', (got) => {
        http = got[':status']
        read(got)
      })
      stream.on('trailers', read)
      stream.on('data', () => {
        messages = true
      })
      stream.on('error', () => {})
      stream.on('close', () => resolve({ http, messages, status }))
      for (const piece of pieces) stream.write(piece)
      if (isEnded) stream.end()
    })

  test.each([
    ['twice', [range, range], true],
    ['twice in one piece', [Buffer.concat([range, range])], true],
    ['and then nonsense', [Buffer.concat([range, Buffer.from('0700000002ffff', 'hex')])], true],
    ['and then half of one', [Buffer.concat([range, range.subarray(0, 6)])], true],
    ['and never ends the request', [range], false],
    ['twice and never ends the request', [range, range], false],
  ])('55 a unary call is answered once when its message comes %s', async (_, pieces, isEnded) => {
    expect(await exchange(KV.range.path, {}, pieces, isEnded)).toEqual({
      http: 200,
      messages: true,
      status: '0',
    })
  })

  test('55 a second message of a put is not applied', async () => {
    const { client } = current()
    const key = fresh('second')
    const before = await revisionOf(client)
    const puts = ['1', '2'].map((value) => encodeFrame(KV.put.request, { key, value }))
    await exchange(KV.put.path, {}, [Buffer.concat(puts)])
    expect([await textOf(client, key), await revisionOf(client)]).toEqual(['1', before + 1])
  })

  test('57 what is no whole message is refused in words', async () => {
    const refused = async (bytes: Buffer, headers: Metadata = {}) =>
      (await exchange(KV.range.path, headers, [bytes])).status
    expect(await refused(range.subarray(0, 7))).toBe('2 unexpected EOF')
    expect(await refused(range.subarray(0, 3))).toMatch(/^2 (unexpected )?EOF$/)
    expect(await refused(Buffer.alloc(0))).toBe('2 EOF')
    const flagged = (flag: number) => Buffer.concat([Buffer.of(flag), range.subarray(1)])
    expect(await refused(flagged(1))).toBe('13 grpc: compressed flag set with identity or empty encoding')
    expect(await refused(flagged(7))).toBe('13 grpc: received unexpected payload format 7')
    const uninstalled = (name: string) => `12 grpc: Decompressor is not installed for grpc-encoding "${name}"`
    expect(await refused(range, { 'grpc-encoding': 'zz' })).toBe(uninstalled('zz'))
    const packed = await refused(range, { 'grpc-encoding': 'gzip' })
    expect(packed).toBe(differs(server, 'unpacksGzip') ? '0' : uninstalled('gzip'))
  })

  test('57 a stream that ends inside a message is refused in words', async () => {
    const request = encodeFrame(Watch.watch.request, { request: { type: 'create', value: { key: 'a' } } })
    // etcd 3.5 says nothing to some of them.
    for (const end of server.isEmbedded ? [3, 5, request.length - 1] : [request.length - 1]) {
      const { status } = await exchange(Watch.watch.path, {}, [request.subarray(0, end)])
      expect(status, `after ${end} bytes`).toBe('13 unexpected EOF')
    }
    if (server.isEmbedded) {
      const both = Buffer.concat([request, request.subarray(0, 6)])
      expect((await exchange(Watch.watch.path, {}, [both])).status).toBe('13 unexpected EOF')
      const half = encodeFrame(Lease.keepAlive.request, { id: 5n }).subarray(0, 6)
      expect((await exchange(Lease.keepAlive.path, {}, [half])).status).toBe('13 unexpected EOF')
    }
  })

  test.each(['0n', '0S', '1n', '1u'])(
    '55 grpc-timeout %s is over before the call begins',
    async (timeout) => {
      const { client } = current()
      const before = await revisionOf(client)
      const bytes = encodeFrame(KV.put.request, { key: fresh('late'), value: '1' })
      const { status } = await exchange(KV.put.path, { 'grpc-timeout': timeout }, [bytes])
      if (server.isEmbedded) expect([status, await revisionOf(client)]).toEqual([expired, before])
      // Go's server races with itself: the put may be done, and the status may be lost or be one of several.
      else await revisionOf(client)
    },
  )

  test.each(['999u', '5S', '1H', '99999999H', '10000000m'])(
    '55 grpc-timeout %s leaves time enough',
    async (timeout) => {
      const { status } = await exchange(KV.range.path, { 'grpc-timeout': timeout }, [range])
      // Less than a millisecond is for a real server to keep or not.
      if (server.isEmbedded || timeout !== '999u') expect(status).toBe('0')
    },
  )

  test.each([
    ['a request that never comes', KV.range.path, Buffer.alloc(0)],
    ['half a request', KV.range.path, range.subarray(0, 6)],
    [
      'a watch',
      Watch.watch.path,
      encodeFrame(Watch.watch.request, { request: { type: 'create', value: { key: 'a' } } }),
    ],
    ['a watch stream without a watch', Watch.watch.path, Buffer.alloc(0)],
    ['keep-alives', Lease.keepAlive.path, encodeFrame(Lease.keepAlive.request, { id: 5n })],
  ])('55 grpc-timeout ends %s', async (_, path, bytes) => {
    const { status } = await exchange(path, { 'grpc-timeout': '100m' }, [bytes], false)
    // Go's server may break a stream off before the status has left, or end it by the cancellation that follows.
    if (server.isEmbedded) expect(status).toBe(expired)
    else expect([expired, '1 context canceled', '2 context deadline exceeded', undefined]).toContain(status)
  })

  test.each([
    ['123456789S', 'transport: timeout string is too long: "123456789S"'],
    ['S', 'transport: timeout string is too short: "S"'],
    ['1', 'transport: timeout string is too short: "1"'],
    ['1x', 'transport: timeout unit is not recognized: "1x"'],
    ['-1S', 'strconv.ParseUint: parsing "-1": invalid syntax'],
    ['1.5S', 'strconv.ParseUint: parsing "1.5": invalid syntax'],
    ['', 'transport: timeout string is too short: ""'],
  ])('55 grpc-timeout %j is refused', async (timeout, why) => {
    if (differs(server, 'roughWithHeaders')) return
    const refused = { http: 400, messages: false, status: `13 malformed grpc-timeout: ${why}` }
    expect(await exchange(KV.range.path, { 'grpc-timeout': timeout }, [range])).toEqual(refused)
    expect(await exchange(Watch.watch.path, { 'grpc-timeout': timeout }, [], false)).toEqual(refused)
  })

  test('55 what is no gRPC is refused, and its stream closed', async () => {
    if (differs(server, 'roughWithHeaders')) return
    for (const type of ['text/plain', 'application/json', 'application/grpcx', '']) {
      const status = `3 invalid gRPC request content-type "${type}"`
      const refused = { http: 415, messages: false, status }
      expect(await exchange(KV.range.path, { 'content-type': type }, [range])).toEqual(refused)
      expect(await exchange(KV.range.path, { 'content-type': type }, [range], false)).toEqual(refused)
    }
    for (const type of ['application/grpc+proto', 'application/grpc;proto']) {
      expect((await exchange(KV.range.path, { 'content-type': type }, [range])).status).toBe('0')
    }
    const { http, status } = await exchange(KV.range.path, { ':method': 'PUT' }, [range])
    expect([http, status]).toEqual([
      405,
      '13 Received a HEADERS frame with :method "PUT" which should be POST',
    ])
  })

  test('55 paths that lead nowhere', async () => {
    const answer = async (path: string) => (await exchange(path, {}, [range])).status
    expect(await answer('/etcdserverpb.KV/')).toBe('12 unknown method  for service etcdserverpb.KV')
    expect(await answer('/etcdserverpb.KV/Range/x')).toBe('12 unknown service etcdserverpb.KV/Range')
    expect(await answer('/etcdserverpb.KV/Range?x=1')).toBe(
      '12 unknown method Range?x=1 for service etcdserverpb.KV',
    )
    expect(await answer('/x')).toMatch(/^(12|8) malformed method name: "\/x"$/)
  })
})

/** gRPC's health service in bytes: a request with the name of a service, and the status of the answer. */
const named = (service: string) =>
  service === '' ? Buffer.alloc(0) : Buffer.concat([Buffer.of(0x0a, service.length), Buffer.from(service)])
const raw = {
  name: 'bytes',
  fields: {},
  encode: (bytes: unknown) => bytes as Buffer,
  decode: (bytes: Uint8Array) => Buffer.from(bytes),
} as unknown as Method<Buffer, Buffer>['request']
const framed = (bytes: Buffer): Buffer => {
  const header = Buffer.alloc(5)
  header.writeUInt32BE(bytes.length, 1)
  return Buffer.concat([header, bytes])
}

eachServer('grpc.health.v1.Health', (server) => {
  const current = server.use()
  const path = '/grpc.health.v1.Health/'

  test('63 Check serves the server as a whole, whose name is empty, and no other service', async () => {
    const { client } = current()
    expect(await client.send(`${path}Check`, framed(named('')))).toEqual([Buffer.from('0801', 'hex')])
    for (const service of ['a', 'etcdserverpb.KV']) {
      expect(await refusal(client.send(`${path}Check`, framed(named(service))))).toEqual({
        code: 5,
        message: 'unknown service',
      })
    }
  })

  test('63 Watch answers at once and stays open', async () => {
    const { client } = current()
    const open = (service: string): RawStream<Buffer, Buffer> => {
      const stream = client.open({ path: `${path}Watch`, request: raw, response: raw })
      stream.sendBytes(framed(named(service)))
      stream.end()
      return stream
    }
    const [known, unknown] = [open(''), open('a')]
    expect(await known.next()).toEqual(Buffer.from('0801', 'hex'))
    expect(await unknown.next()).toEqual(Buffer.from('0803', 'hex'))
    await put(client, fresh('k'), '1')
    expect([known.waiting, unknown.waiting]).toEqual([0, 0])
    known.reset()
    unknown.reset()
  })

  test('63 Watch takes one request, neither none nor two', async () => {
    const { client } = current()
    const send = (body: Buffer) => refusal(client.send(`${path}Watch`, body))
    const none = await send(Buffer.alloc(0))
    if (!server.isEmbedded) {
      expect([2, 13]).toContain(none.code)
      return
    }
    const what = (received: string) =>
      `cardinality violation: received ${received} for non-client-streaming RPC`
    expect(none).toEqual({ code: 13, message: what('no request message') })
    const two = Buffer.concat([framed(named('')), framed(named('a'))])
    expect(await send(two)).toEqual({ code: 13, message: what('multiple request messages') })
  })

  test('63 List names the server as a whole', async () => {
    const listed = current().client.send(`${path}List`, framed(Buffer.alloc(0)))
    if (differs(server, 'noHealthList')) expect((await refusal(listed)).code).toBe(12)
    // A map's key that is empty may be written out or left out.
    else expect((await listed)[0]?.toString('hex')).toMatch(/^0a(060a0012020801|0412020801)$/)
  })
})
