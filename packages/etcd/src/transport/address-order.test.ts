import dns from 'node:dns'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createEtcdClient } from '../client.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import { putAnswer, startFakeServer } from './fake-server.test.kit.ts'

const CLOSING = closedAfterEach()
afterEach(() => vi.restoreAllMocks())

/** A name of several members, as that of a headless Service: all at one port, each at an address of its own. */
function resolveTo(...addresses: string[]): void {
  const found = addresses.map((address) => ({ address, family: 4 }))
  const lookup = (_host: string, _options: unknown, done: (error: null, found: unknown) => void) =>
    setImmediate(done, null, found)
  vi.spyOn(dns, 'lookup').mockImplementation(lookup as never)
}

async function startAt(address: string, port: number, server: Server): Promise<void> {
  server.listen(port, address)
  await new Promise((resolve) => server.once('listening', resolve))
  CLOSING.push(async () => void server.close())
}

const others: [string, () => Server][] = [
  ['accepts connections and says nothing', () => createServer((socket) => socket.on('error', () => {}))],
  ['closes each connection', () => createServer((socket) => socket.destroy())],
  ['is a web server', () => createHttpServer((_, response) => response.end('<html>'))],
]

describe('a name with several addresses of which the first', () => {
  test.each(others)('%s: the next one is taken', async (_what, start) => {
    const good = await startFakeServer((call) => call.answer(putAnswer()))
    CLOSING.push(() => good.close())
    const port = Number(new URL(good.endpoint).port)
    const other = start()
    const sockets: { destroy(): void }[] = []
    other.on('connection', (socket) => sockets.push(socket))
    CLOSING.push(async () => {
      for (const socket of sockets) socket.destroy()
    })
    await startAt('127.0.0.3', port, other)
    resolveTo('127.0.0.3', '127.0.0.1')
    const client = createEtcdClient({
      endpoints: [`http://members.invalid:${port}`],
      timeouts: { connectMs: 300, callMs: 10_000 },
    })
    CLOSING.push(() => client.close())
    // What fails at once says so to whoever asks; the next call finds another address.
    await client.kv.put('k', 'v').catch(() => {})
    expect(await client.kv.put('k', 'v')).toMatchObject({ header: { revision: 5 } })
  })

  test('ended: the next connection goes to another one', async () => {
    const script = (call: { answer(frame: Buffer): void }) => call.answer(putAnswer())
    const first = await startFakeServer(script)
    CLOSING.push(() => first.close())
    const port = Number(new URL(first.endpoint).port)
    let accepted = 0
    const second = createServer((socket) => {
      accepted++
      socket.destroy()
    })
    await startAt('127.0.0.3', port, second)
    resolveTo('127.0.0.1', '127.0.0.3')
    const client = createEtcdClient({ endpoints: [`http://ending.invalid:${port}`] })
    CLOSING.push(() => client.close())
    await client.kv.put('k', 'v')
    expect(accepted).toBe(0)
    for (const session of first.sessions) session.destroy()
    await vi.waitFor(async () => {
      await client.kv.put('k', 'v').catch(() => {})
      expect(accepted).toBeGreaterThan(0)
    })
    // Which is as bad as it can be, so the first one serves again.
    expect(await client.kv.put('k', 'v')).toMatchObject({ header: { revision: 5 } })
  })
})
