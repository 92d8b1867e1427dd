import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP proxy whose connections can die without a word, as when a router has forgotten them. */
export interface DyingProxy {
  readonly endpoint: string
  /** Number of connections accepted so far. */
  readonly opened: () => number
  /** From now on the connections that are open carry nothing from the client to the server, pings included. */
  loseRequests(): void
  /** From now on the connections that are open carry nothing at all. */
  loseAll(): void
  close(): Promise<void>
}

/** Starts a proxy on a free port of loopback. */
export async function startDyingProxy(target: string): Promise<DyingProxy> {
  const targetPort = Number(new URL(target).port)
  const pairs = new Set<{ near: Socket; far: Socket; hasRequests: boolean; hasAnswers: boolean }>()
  let opened = 0
  // Small frames wait for up to 40 ms otherwise, which is as long as some calls.
  const noDelay = true
  const server = createServer({ noDelay }, (near) => {
    opened += 1
    const far = connect({ port: targetPort, host: '127.0.0.1', noDelay })
    const pair = { near, far, hasRequests: true, hasAnswers: true }
    pairs.add(pair)
    near.on('data', (bytes) => void (pair.hasRequests && far.write(bytes)))
    far.on('data', (bytes) => void (pair.hasAnswers && near.write(bytes)))
    for (const each of [near, far]) {
      each.on('error', () => undefined)
      each.on('close', () => {
        pairs.delete(pair)
        near.destroy()
        far.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    opened: () => opened,
    loseRequests() {
      for (const pair of pairs) pair.hasRequests = false
    },
    loseAll() {
      for (const pair of pairs) {
        pair.hasRequests = false
        pair.hasAnswers = false
      }
    },
    async close() {
      const closed = once(server, 'close')
      for (const { near, far } of pairs) {
        near.destroy()
        far.destroy()
      }
      server.close()
      await closed
    },
  }
}
