import { createServer } from 'node:net'

/** Not bound yet, perhaps, by whoever asked; so nobody else is to have them. */
const handedOut = new Set<number>()

/**
 * Finds ports on 127.0.0.1 that nobody listens on. They are taken from below the range the system hands to outgoing
 * connections, so that a server may come back on its port later. No port is given twice in one process; two processes can
 * still choose the same one, and who binds second has to ask again.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  for (let tries = 0; ports.length < count; tries += 1) {
    if (tries > 200) throw new Error(`No ${count} free ports found on 127.0.0.1 between 10000 and 32000`)
    const port = 10_000 + Math.floor(Math.random() * 22_000)
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
