import { once } from 'node:events'
import { constants, createServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { KV } from '../../wire/rpc.ts'
import { testChannel } from '../fake-server.test.kit.ts'

test('guardSession: a call given up before its body is sent is cancelled, not left for Node to go on with', async () => {
  // takes nothing in, so that the client runs out of window with most of the body still to send
  const server = createServer({ settings: { initialWindowSize: 1_024 } })
  const opened: ServerHttp2Stream[] = []
  server.on('stream', (stream) => {
    stream.on('error', () => undefined)
    opened.push(stream)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const channel = testChannel([`http://127.0.0.1:${(server.address() as AddressInfo).port}`])
  try {
    const giving = new AbortController()
    const put = channel.unary(
      KV.put,
      { key: 'k', value: Buffer.alloc(300_000) },
      { retry: 'write', signal: giving.signal },
    )
    const refused = expect(put).rejects.toMatchObject({ code: 'cancelled', fate: 'unknown' })
    await expect.poll(() => opened.length, { timeout: 10_000 }).toBe(1)
    giving.abort()
    await refused
    await expect.poll(() => opened[0]!.rstCode, { timeout: 10_000 }).toBe(constants.NGHTTP2_CANCEL)
  } finally {
    await channel.close()
    server.close()
  }
})
