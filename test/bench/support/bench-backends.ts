import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Servers that each answer after so many milliseconds: a child of dispatch.ts. It sends their ports. */
const ports: number[] = []
for (const delay of process.argv.slice(2)) {
  const delayMs = Number(delay)
  const server = createServer((_, response) => {
    if (delayMs === 0) response.end('ok')
    else setTimeout(() => response.end('ok'), delayMs)
  }).listen(0, '127.0.0.1')
  server.keepAliveTimeout = 60_000
  await once(server, 'listening')
  ports.push((server.address() as AddressInfo).port)
}
process.on('disconnect', () => process.exit())
process.send?.(ports)
