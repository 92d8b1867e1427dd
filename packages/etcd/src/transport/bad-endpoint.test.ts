import { constants } from 'node:http2'
import { describe, expect, test } from 'vitest'
import { EtcdError } from '../errors.ts'
import { KV } from '../wire/rpc.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import {
  type FakeCall,
  putAnswer,
  rangeAnswer,
  startFakeServer,
  startRawServer,
  testChannel,
} from './fake-server.test.kit.ts'

const CLOSING = closedAfterEach()

function answerAll(call: FakeCall): void {
  call.answer(call.name === 'KV/Range' ? rangeAnswer() : putAnswer())
}

/** How a peer spoils each call that it takes. */
const FAULTS: Readonly<Record<string, (call: FakeCall) => void>> = {
  'HTTP 503': ({ stream }) => {
    stream.respond({ ':status': 503, 'content-type': 'text/plain' })
    stream.end('no')
  },
  'HTML with HTTP 200': ({ stream }) => {
    stream.respond({ ':status': 200, 'content-type': 'text/html' })
    stream.end('<html>')
  },
  'HTTP 404': ({ stream }) => {
    stream.respond({ ':status': 404, 'content-type': 'text/html' })
    stream.end('<html>')
  },
  'gRPC 14': (call) => call.refuse(14, 'upstream connect error'),
  'a reset': ({ stream }) => stream.close(constants.NGHTTP2_CANCEL),
  'the end of the session': ({ session }) => session.destroy(),
  'half an answer': ({ stream }) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
    stream.write(putAnswer().subarray(0, 4))
    stream.end()
  },
}

describe.each(Object.entries(FAULTS))('an endpoint that spoils each call by %s', (_, spoil) => {
  test.each(['first', 'last'])(
    'as the %s of two costs one write, and serves again once it is well',
    async (place) => {
      let isWell = false
      let served = 0
      const bad = await startFakeServer((call) => {
        if (!isWell) return spoil(call)
        if (call.name === 'KV/Put') served += 1
        answerAll(call)
      })
      const good = await startFakeServer(answerAll)
      const urls = place === 'first' ? [bad.endpoint, good.endpoint] : [good.endpoint, bad.endpoint]
      const channel = testChannel(urls)
      CLOSING.push(bad.close, good.close, () => channel.close())
      const put = () => channel.unary(KV.put, { key: 'k', value: 'v' }, { retry: 'write' })
      const failures: unknown[] = []
      const rest = () => new Promise((resolve) => setTimeout(resolve, 10))
      for (let index = 0; index < 20; index += 1) {
        await put().catch((error: unknown) => failures.push(error))
        await rest()
      }
      expect(failures).toMatchObject([{ code: 'outcome_unknown' }])
      isWell = true
      await expect.poll(() => put().then(() => served), { timeout: 10_000 }).toBeGreaterThan(0)
    },
  )
})

test('an endpoint that is down is asked at one pace, however many callers there are', async () => {
  let connections = 0
  const dead = await startRawServer((socket) => {
    connections += 1
    socket.resetAndDestroy()
  })
  const channel = testChannel([dead.endpoint], { backoff: { minMs: 100, maxMs: 100, factor: 1, jitter: 0 } })
  CLOSING.push(dead.close, () => channel.close())
  const call = async (index: number): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, index * 5))
    const error = await channel
      .unary(KV.range, { key: 'k' }, { retry: 'read', timeoutMs: 800 })
      .catch((e) => e)
    expect(error).toBeInstanceOf(EtcdError)
    expect(error).toMatchObject({ code: 'connect_failed', fate: 'not_sent' })
  }
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: 100 }, (_, index) => call(index)))
  // One attempt to connect for each rest; and what each looks like is asked once more per caller at most.
  expect(connections).toBeLessThan(2 * (2 + (performance.now() - startedAt) / 100))
})
