import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createDiscovery } from '@livetree/discovery'
import { createEtcdClient } from '@livetree/etcd'

/** One instance of the service `orders`: `node src/instance.ts <version>`. On SIGTERM it leaves without losing a request. */
const [version = '1'] = process.argv.slice(2)
const { ETCD_ENDPOINTS = 'http://127.0.0.1:2379' } = process.env
const WORK_MS = 20

await using client = createEtcdClient({ endpoints: ETCD_ENDPOINTS.split(',') })
await using discovery = createDiscovery({ client })

let served = 0
const server = createServer(async (request, response) => {
  request.resume()
  await sleep(WORK_MS)
  served += 1
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ version, pid: process.pid }))
}).listen(0)

const registration = await discovery.register({ service: 'orders', server, version })
console.log(`version ${version}, process ${process.pid}: registered`)
await new Promise((resolve) => process.once('SIGTERM', resolve).once('SIGINT', resolve))
await registration.shutdown({ propagationMs: 1_000, drainMs: 20_000 })
console.log(`version ${version}, process ${process.pid}: served ${served} requests and left`)
