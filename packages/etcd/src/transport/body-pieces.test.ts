import type { ServerHttp2Stream } from 'node:http2'
import { expect, test } from 'vitest'
import type { EtcdError } from '../errors.ts'
import { KV } from '../wire/rpc.ts'
import { inPieces, PIECE_BYTES } from './body-pieces.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import { putAnswer, startFakeServer, testChannel } from './fake-server.test.kit.ts'

const CLOSING = closedAfterEach()

test('a large body comes in pieces, as often as it is asked for; a small one as it is', () => {
  const large = Buffer.from(Array.from({ length: 3 * PIECE_BYTES + 7 }, (_, index) => index % 251))
  const pieces = inPieces(large) as Iterable<Buffer>
  expect([...pieces].map((each) => each.length)).toEqual([PIECE_BYTES, PIECE_BYTES, PIECE_BYTES, 7])
  expect(Buffer.concat([...pieces])).toEqual(large)
  const small = Buffer.alloc(PIECE_BYTES)
  expect(inPieces(small)).toBe(small)
})

test('a small call goes out between the pieces of a large one', async () => {
  // The window of the connection is the limit, 64 KiB, as with etcd.
  const settings = { initialWindowSize: 8 * 1024 * 1024 }
  const fake = await startFakeServer((call) => call.answer(putAnswer()), { settings })
  CLOSING.push(() => fake.close())
  const channel = testChannel([fake.endpoint])
  CLOSING.push(() => channel.close())
  const put = (bytes: number) =>
    channel.unary(KV.put, { key: 'k', value: Buffer.alloc(bytes) }, { retry: 'write' })
  await put(1)
  let received = 0
  const begun = new Promise((resolve) => {
    const [session] = fake.sessions
    session!.once('stream', (stream: ServerHttp2Stream) => {
      stream.on('data', (chunk: Buffer) => (received += chunk.length))
      resolve(stream)
    })
  })
  const large = put(1_400_000)
  await begun
  await put(1)
  expect(received).toBeLessThan(700_000)
  await large
  expect(received).toBeGreaterThan(1_400_000)
})

test('a large call that is answered early makes room for the next ones', async () => {
  const fake = await startFakeServer(() => undefined)
  CLOSING.push(() => fake.close())
  const channel = testChannel([fake.endpoint])
  CLOSING.push(() => channel.close())
  const put = () =>
    channel
      .unary(KV.put, { key: 'k', value: Buffer.alloc(400_000) }, { retry: 'write', timeoutMs: 5_000 })
      .then(
        () => 'done',
        (error: EtcdError) => error.fate,
      )
  // Answers once the window of the stream is full, and reads no further.
  fake.server.on('stream', (stream: ServerHttp2Stream) => {
    stream.pause()
    stream.respond({ ':status': 413 }, { endStream: true })
  })
  const fates: string[] = []
  for (let count = 0; count < 12; count += 1) fates.push(await put())
  expect(new Set(fates)).toEqual(new Set(['unknown']))
  expect(fake.sessions.size).toBe(1)
})
