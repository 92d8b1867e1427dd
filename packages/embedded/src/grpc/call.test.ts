import { Duplex } from 'node:stream'
import type { ServerHttp2Stream } from 'node:http2'
import { encodeFrame, Lease } from '@livetree/etcd/wire'
import { expect, test } from 'vitest'
import { systemClock } from '../clock.ts'
import { noFaults } from '../faults.ts'
import { Call, isAnswerable } from './call.ts'
import { CallServer } from './call-server.ts'
import { duplex } from './service.ts'

/** A stream whose client reads nothing until `read`, and whose `respond` throws when asked to. */
class FakeStream extends Duplex {
  headersSent = false
  respondError: Error | undefined
  #flush: (() => void) | undefined

  respond(): void {
    if (this.respondError !== undefined) throw this.respondError
    this.headersSent = true
  }

  override _read(): void {}

  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    this.#flush = done
  }

  readAll(): void {
    this.#flush?.()
  }

  close(): void {
    this.destroy()
  }
}

function setUp() {
  const fake = new FakeStream({ writableHighWaterMark: 1 })
  const stream = fake as unknown as ServerHttp2Stream
  return { fake, stream }
}
const ADMISSION = { contentType: 'application/grpc', timeoutMs: undefined }
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('Call reads nothing while its client does not read, and goes on when it does', async () => {
  const { fake, stream } = setUp()
  const call = new Call(Lease.keepAlive, stream, ADMISSION, false)
  let received = 0
  call.read(
    () => {
      received += 1
      call.send({ id: 1n, ttl: 0 })
    },
    () => {},
  )
  const request = encodeFrame(Lease.keepAlive.request, { id: 1n })
  fake.push(request)
  await turn()
  for (let n = 0; n < 100; n += 1) fake.push(request)
  await turn()
  expect(received).toBe(1)
  fake.readAll()
  await turn()
  expect(received).toBeGreaterThan(1)
  fake.destroy()
})

function serve(stream: ServerHttp2Stream, open: () => never): void {
  const routes = [duplex(Lease.keepAlive, open)]
  const caller = (): never => undefined as never
  const server = new CallServer({ routes, faults: noFaults(), clock: systemClock, caller })
  const headers = { ':path': Lease.keepAlive.path, ':method': 'POST', 'content-type': 'application/grpc' }
  server.serve(stream, headers)
}

test('CallServer.serve throws nothing, whatever a stream does, and frees the stream', () => {
  const broken = setUp()
  broken.fake.respondError = new Error('ERR_HTTP2_INVALID_STREAM')
  serve(broken.stream, () => {
    throw new Error('a mistake of ours')
  })
  expect(broken.fake.destroyed).toBe(true)
  const ended = setUp()
  Object.defineProperty(ended.fake, 'closed', { value: true })
  expect(isAnswerable(ended.stream)).toBe(false)
  serve(ended.stream, () => {
    throw new Error('never asked')
  })
  expect([ended.fake.headersSent, ended.fake.destroyed]).toEqual([false, true])
})
