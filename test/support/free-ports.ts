import { createServer } from 'node:net'

/**
 * Finds ports on 127.0.0.1 that nobody listens on. They are taken from below the range the system hands to outgoing
 * connections, so that a server may come back on its port later; two processes can still choose the same one, and
 * who binds second has to ask again.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  for (let tries = 0; ports.size < count; tries += 1) {
    if (tries > 200) throw new Error(`No ${count} free ports found on 127.0.0.1 between 10000 and 32000`)
    const port = 10_000 + Math.floor(Math.random() * 22_000)
    if (await canListen(port)) ports.add(port)
  }
  return [...ports]
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}
