import { createServer } from 'node:net'

/** Not bound yet, perhaps, by whoever asked; so nobody else is to have them. */
const handedOut = new Set<number>()

const FIRST = 10_000
/** Each worker of the test runner takes its ports from a range of its own, as far as there are enough. */
const RANGES = 11
const IN_RANGE = 2_000

/**
 * Finds ports on 127.0.0.1 that nobody listens on. They are taken from below the range the system hands to outgoing
 * connections, so that a server may come back on its port later. No port is given twice in one worker of the test runner,
 * nor in another one at the same time; processes beside it can still choose the same one.
 */
export async function freePorts(count: number): Promise<number[]> {
  const first = FIRST + (Number(process.env['VITEST_POOL_ID'] ?? 0) % RANGES) * IN_RANGE
  const ports: number[] = []
  for (let tries = 0; ports.length < count; tries += 1) {
    if (tries > 200) throw new Error(`No ${count} free ports found on 127.0.0.1 from ${first} on`)
    const port = first + Math.floor(Math.random() * IN_RANGE)
    if (handedOut.has(port)) continue
    handedOut.add(port)
    if (await canListen(port)) ports.push(port)
  }
  return ports
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}
