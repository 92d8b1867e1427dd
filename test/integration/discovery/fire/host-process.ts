import { once } from 'node:events'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { createDiscovery, type Registration } from '@livetree/discovery'
import { createEtcdClient } from '@livetree/etcd'
import { EVEN_INSTANCES, EVEN_SERVICE, serviceName } from './services.ts'

/**
 * A machine that runs one instance of each service, or all instances of the one whose load is measured. Lines on its
 * standard input: `roll` replaces each instance by a new one, and `leave` ends all. It prints a line when that is done.
 */
const { ENDPOINT = '', ZONE = '', SERVICES = '0' } = process.env
const WORK_MS = 2
const client = createEtcdClient({ endpoints: [ENDPOINT] })
const discovery = createDiscovery({ client, zone: ZONE, logger: false })
const names =
  SERVICES === '0'
    ? Array.from({ length: EVEN_INSTANCES }, () => EVEN_SERVICE)
    : Array.from({ length: Number(SERVICES) }, (_, index) => serviceName(index))

async function startInstance(service: string): Promise<Registration> {
  const server = createServer((request, response) => {
    request.resume()
    setTimeout(() => response.end(registration.id), WORK_MS)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const registration = await discovery.register({
    service,
    server,
    ttlSeconds: 5,
    timeoutMs: 60_000,
  })
  return registration
}

let instances = await Promise.all(names.map(startInstance))
console.log('registered')

async function leave(leaving: readonly Registration[]): Promise<void> {
  await Promise.all(leaving.map((each) => each.shutdown({ propagationMs: 2_000, drainMs: 30_000 })))
}

createInterface({ input: process.stdin }).on('line', async (line) => {
  const former = instances
  if (line === 'roll') {
    instances = await Promise.all(names.map(startInstance))
    await leave(former)
    console.log('rolled')
    return
  }
  await leave(former)
  await discovery.close()
  await client.close()
  console.log('left')
  process.stdin.destroy()
})
