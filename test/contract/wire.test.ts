import {
  encodeFrame,
  frameOf,
  KV,
  Lease,
  PutRequest,
  RangeRequest,
  Watch,
  WatchRequest,
} from '@livetree/etcd/wire'
import { constants } from 'node:http2'
import { expect, test } from 'vitest'
import { waitFor } from '../support/wait-for.ts'
import { eachServer, fresh, put, textOf } from './contract-server.ts'
import { RawStatus } from './call-client.ts'
import type { RawClient } from './raw-client.ts'
import { refusal } from './refusal.ts'
import { shortly, WatchClient } from './watch-client.ts'

/** Waits for the status of a call that does not end well. */
const statusOf = async (call: Promise<unknown>): Promise<RawStatus> => {
  try {
    await call
  } catch (error) {
    if (error instanceof RawStatus) return error
    throw error
  }
  throw new Error('The call was answered')
}

eachServer('Wire', (server) => {
  const current = server.use()

  test('55 an unknown method or service ends with 12, and the status is readable', async () => {
    const { client } = current()
    const method = await statusOf(client.send('/etcdserverpb.KV/Nothing', encodeFrame(RangeRequest, {})))
    expect([method.code, method.place]).toEqual([12, 'headers'])
    expect(method.message).toBe('unknown method Nothing for service etcdserverpb.KV')
    const service = await statusOf(client.send('/nobody.Knows/This', encodeFrame(RangeRequest, {})))
    expect([service.code, service.message]).toEqual([12, 'unknown service nobody.Knows'])
  })

  test('55 a malformed message ends with 13', async () => {
    const { client } = current()
    const broken = await statusOf(client.send(KV.range.path, frameOf(Buffer.from([0x0a, 0x7f, 0x01]))))
    expect(broken.code).toBe(13)
    expect(broken.message).toMatch(/unmarshal/)
    expect(await refusal(client.send(KV.range.path, []))).toEqual({ code: 2, message: 'EOF' })
    const stream = client.open(Lease.keepAlive)
    stream.send({ id: 42n })
    await stream.next()
    stream.sendBytes(frameOf(Buffer.from([0x0a, 0x7f, 0x01])))
    expect(await stream.status).toMatchObject({ code: 13, place: 'trailers' })
  })

  test('55 a status stands in the headers alone, or in the trailers after a message', async () => {
    const { client } = current()
    expect((await statusOf(client.call(KV.range, {}))).place).toBe('headers')
    const stream = client.open(Lease.keepAlive)
    stream.send({ id: 42n })
    await stream.next()
    stream.end()
    expect(await stream.status).toMatchObject({ code: 0, place: 'trailers' })
  })

  test('55 a percent sign and text beyond ASCII do not break a message', async () => {
    const { client } = current()
    const path = encodeURI('/etcdserverpb.KV/Größe')
    const { code } = await statusOf(client.send(path, encodeFrame(RangeRequest, {})))
    expect(code).toBe(12)
  })

  test('56 ids of 64 bits are exact', async () => {
    const { client } = current()
    for (const id of [9_007_199_254_740_993n, 2n ** 63n - 1n, -(2n ** 63n)]) {
      expect((await client.call(Lease.grant, { id, ttl: 600 })).id).toBe(id)
      const key = fresh('id')
      await put(client, key, '1', id)
      expect((await client.call(KV.range, { key })).kvs[0]?.lease).toBe(id)
      expect((await client.call(Lease.leases, {})).leases).toContainEqual({ id })
      await client.call(Lease.revoke, { id })
    }
    const { header } = await client.call(KV.range, { key: 'a' })
    expect(header!.clusterId).toBeGreaterThan(2n ** 32n)
    expect(header!.memberId).toBeGreaterThan(2n ** 32n)
  })

  test('56 zero values are absent, and unknown fields are ignored', async () => {
    const { client } = current()
    const key = fresh('z')
    await put(client, key, '')
    const [bytes] = await client.send(KV.range.path, encodeFrame(RangeRequest, { key }))
    const { kvs } = KV.range.response.decode(bytes!)
    expect(kvs[0]).toMatchObject({ value: Buffer.alloc(0), lease: 0n })
    // Nothing but the header is left of a range that found nothing: neither `more` nor `count`.
    const [nothing] = await client.send(KV.range.path, encodeFrame(RangeRequest, { key: `${key}none` }))
    expect(nothing!.length).toBe(2 + nothing![1]!)
    // Field 1000 as a number, then field 1001 as bytes.
    const unknown = Buffer.from([0xc0, 0x3e, 0x01, 0xca, 0x3e, 0x02, 0x68, 0x69])
    const request = Buffer.concat([PutRequest.encode({ key, value: 'known' }), unknown])
    await client.send(KV.put.path, frameOf(request))
    expect(await textOf(client, key)).toBe('known')
  })

  test('57 frames split at every byte are read alike', async () => {
    const { client } = current()
    const key = fresh('split')
    const frame = encodeFrame(PutRequest, { key, value: 'x'.repeat(20) })
    for (let at = 1; at < frame.length; at += 1) {
      await client.send(KV.put.path, [frame.subarray(0, at), frame.subarray(at)])
    }
    const { kvs } = await client.call(KV.range, { key })
    expect(kvs[0]).toMatchObject({ version: frame.length - 1, value: Buffer.from('x'.repeat(20)) })
    await client.send(
      KV.put.path,
      [...frame].map((byte) => Buffer.from([byte])),
    )
    expect((await client.call(KV.range, { key })).kvs[0]?.version).toBe(frame.length)
  })

  test('57 two frames in one chunk are two messages', async () => {
    const { client } = current()
    const stream = client.open(Watch.watch)
    const create = (key: string) => encodeFrame(WatchRequest, { request: { type: 'create', value: { key } } })
    stream.sendBytes(Buffer.concat([create(fresh('w')), create(fresh('w'))]))
    expect([(await stream.next()).watchId, (await stream.next()).watchId]).toEqual([0, 1])
    stream.reset()
  })

  test('58 a put of 1.6 MB is refused with 3, one of 1.5 MB is stored', async () => {
    const { client } = current()
    const key = fresh('big')
    expect(await refusal(put(client, key, 'x'.repeat(1_600_000)))).toEqual({
      code: 3,
      message: 'etcdserver: request is too large',
    })
    await put(client, key, 'x'.repeat(1_500_000))
    const { kvs } = await client.call(KV.range, { key })
    expect(kvs[0]?.value.length).toBe(1_500_000)
    await client.call(KV.deleteRange, { key })
  })

  test('58 a message above 2 MiB is refused by gRPC with 8', async () => {
    const { client } = current()
    const { code, message } = await refusal(put(client, fresh('big'), 'x'.repeat(2_200_000)))
    expect(code).toBe(8)
    expect(message).toMatch(/larger than max \(22000\d\d vs\. 2097152\)/)
  })

  test('59 one duplex stream carries creates, cancels and progress, with unary calls beside it', async () => {
    const { client } = current()
    const watch = new WatchClient(client)
    const key = fresh('w')
    const first = await watch.create({ key })
    const [, second] = await Promise.all([put(client, key, '1'), textOf(client, key)])
    expect([undefined, '1']).toContain(second)
    expect((await watch.events(1)).map(shortly)).toEqual([`put ${key}=1`])
    const other = await watch.create({ key: `${key}b` })
    watch.cancel(first.watchId)
    expect(await watch.next()).toMatchObject({ watchId: first.watchId, canceled: true })
    watch.askProgress()
    expect(await watch.next()).toMatchObject({ watchId: -1 })
    await Promise.all([put(client, `${key}b`, '2'), put(client, key, '2')])
    expect(await watch.next()).toMatchObject({ watchId: other.watchId, events: { length: 1 } })
    // Who sends no more requests is still told of events.
    watch.stream.end()
    await put(client, `${key}b`, '3')
    expect((await watch.events(1)).map(shortly)).toEqual([`put ${key}b=3`])
    watch.stream.reset()
  })

  test('59 a stream ends at the server when the client resets it, half-closed or not, with whatever code', async () => {
    const { client, endpoint } = current()
    const streams = async (): Promise<string | undefined> => {
      const metrics = await (await fetch(`${endpoint}/metrics`)).text()
      return /^etcd_debugging_mvcc_watch_stream_total (\d+)$/m.exec(metrics)?.[1]
    }
    await waitFor(async () => (await streams()) === '0')
    const { NGHTTP2_NO_ERROR: noError, NGHTTP2_CANCEL: cancel } = constants
    const endings: ((stream: WatchClient<RawClient>['stream']) => void)[] = [
      (stream) => stream.reset(noError),
      (stream) => stream.reset(cancel),
      (stream) => stream.drop(),
    ]
    for (const end of endings) {
      for (const isHalfClosed of [false, true]) {
        const watch = new WatchClient(client)
        const { stream } = watch
        await watch.create({ key: 'w' })
        expect(await streams()).toBe('1')
        if (isHalfClosed) stream.end()
        end(stream)
        await waitFor(async () => (await streams()) === '0')
      }
    }
  })

  test('59 a hundred streams and a thousand calls share one connection', async () => {
    const { client } = current()
    const key = fresh('w')
    const watches = Array.from({ length: 100 }, () => new WatchClient(client))
    await Promise.all(watches.map((watch) => watch.create({ key })))
    await Promise.all(
      Array.from({ length: 1000 }, (_, n) => put(client, n === 500 ? key : `${key}other`, String(n))),
    )
    const told = await Promise.all(watches.map((watch) => watch.events(1)))
    expect(new Set(told.flat().map(shortly))).toEqual(new Set([`put ${key}=500`]))
    for (const watch of watches) watch.stream.reset()
  })
})
