import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { createEtcdClient } from '@livetree/etcd'
import { collect } from '@livetree/telemetry/prometheus'
import { defineConfig, etcd } from 'livetree'
import { Registry } from 'prom-client'
import * as z from 'zod'

/** An instance of a service: shows its metrics over HTTP, prints where, and does what its standard input says, line by line. */
const endpoints = (process.env['ENDPOINTS'] ?? '').split(' ')
const register = new Registry()
collect(register, { appVersion: '1.4.2' })

const shop = defineConfig({
  name: 'shop',
  schema: z.object({ pool: z.number().default(1) }),
  sources: () => [etcd({ endpoints, root: '/config/shop', clientName: 'shop', backoff: { maxMs: 100 } })],
})
const config = await shop.load({ staleAfterMs: 4_000, logger: false })
await config.resource((c) => c.pool, { create: (size) => ({ size }) })
const client = createEtcdClient({ endpoints, clientName: 'own', backoff: { maxMs: 100 } })
const lease = await client.lease.grant({ ttlSeconds: 60 })
lease.keepAlive()

const DO: Readonly<Record<string, (value: string) => Promise<unknown>>> = {
  write: (value) => client.kv.put('/config/shop/pool', value),
  read: () => Promise.all([config.refresh(), client.kv.get('other')]),
  fail: () => client.kv.put('other', 'value', { lease: 1n }).catch(() => undefined),
}

const server = createServer(async (_, response) => {
  response.setHeader('content-type', register.contentType)
  response.end(await register.metrics())
})
server.listen(0, '127.0.0.1', () =>
  console.log(`shows http://127.0.0.1:${(server.address() as AddressInfo).port}`),
)

for await (const line of createInterface({ input: process.stdin })) {
  const [what = '', value = ''] = line.split(' ')
  await DO[what]?.(value)
  console.log(`done ${line}`)
}
process.exit()
