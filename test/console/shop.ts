import { createAdmin } from '@livetree/admin'
import { startConsole, type StartConsoleOptions } from '@livetree/console'
import { startEmbeddedEtcd } from '@livetree/embedded'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { defineConfig, etcd, restart, secret } from 'livetree'
import { joinFleet } from 'livetree/fleet'
import * as z from 'zod'

/** What must be in no answer, event or page. */
export const TAINT = 'hunter2-taint'

/** The configuration of a shop, with a value of every kind that the console tells apart. */
export const schema = z.object({
  greeting: z.string().describe('What the first page says.'),
  logLevel: z.enum(['debug', 'info', 'warn']).default('info'),
  http: z.object({
    port: restart(z.number().int().min(1).max(65_535).default(8080)),
    timeoutMs: z
      .number()
      .int()
      .positive()
      .max(60_000)
      .default(1_000)
      .describe('Of a whole request, in milliseconds.'),
    hosts: z.array(z.string()).default([]),
  }),
  db: z.object({
    url: secret(z.string()),
    pool: z.object({ min: z.number().int().default(1), max: z.number().int().min(1).max(200).default(10) }),
  }),
  mail: z.object({ from: z.string().optional(), isEnabled: z.boolean().default(true) }),
  features: z.record(z.string(), z.boolean()).default({}),
  limits: z.record(z.string(), z.record(z.string(), z.number())).default({}),
})

/** A shop with a store of its own, and a console of it. */
export interface Shop extends AsyncDisposable {
  readonly client: EtcdClient
  readonly admin: ReturnType<typeof openAdmin>
  /** Another environment, which the console compares with. */
  readonly staging: ReturnType<typeof openAdmin>
  readonly console: Awaited<ReturnType<typeof startConsole>>
  /** Starts an instance that has joined the fleet; an older one takes pools of at most 50. */
  startInstance(options?: { readonly isOlder?: boolean; readonly host?: string }): Promise<void>
}

function definitionFor(endpoint: string, { isOlder = false, root = '/config/shop' } = {}) {
  const pool = z.object({
    min: z.number().int().default(1),
    max: z.number().int().min(1).max(50).default(10),
  })
  return defineConfig({
    name: 'shop',
    schema: isOlder ? schema.extend({ db: schema.shape.db.extend({ pool }) }) : schema,
    sources: () => [etcd({ endpoints: [endpoint], root, overlays: ['base', 'prod'] })],
  })
}

function openAdmin(endpoint: string, root?: string) {
  return createAdmin(definitionFor(endpoint, { ...(root !== undefined && { root }) }), { author: 'setup' })
}

/** @param keys how many values there are besides those of the shop */
export async function openShop(options: Partial<StartConsoleOptions> = {}, keys = 0): Promise<Shop> {
  const server = await startEmbeddedEtcd()
  const client = createEtcdClient({ endpoints: [server.endpoint] })
  await client.kv.put('/config/shop/base/greeting', 'Hello')
  await client.kv.put('/config/shop/base/db/url', `postgres://ana:${TAINT}@db/shop`)
  await client.kv.put('/config/shop/base/db/pool/max', '20')
  await client.kv.put('/config/shop/prod/db/pool/max', '40')
  await client.kv.put('/config/shop/prod/features/newCart', 'true')
  await client.kv.put('/config/shop/prod/http/hosts', '["a.example.com","b.example.com"]')
  await client.kv.put('/config/staging/base/greeting', 'Hello from staging')
  await client.kv.put('/config/staging/base/db/url', `postgres://bob:${TAINT}-too@db/shop`)
  await client.kv.put('/config/staging/prod/db/pool/max', '40')
  await client.kv.put('/config/staging/prod/features/newCart', 'true')
  await client.kv.put('/config/staging/prod/features/gifts', 'true')
  await client.kv.put('/config/staging/prod/http/hosts', '["a.example.com","c.example.com"]')
  for (let begin = 0; begin < keys; begin += 120) await fill(client, begin, Math.min(keys, begin + 120))
  const admin = openAdmin(server.endpoint)
  const staging = openAdmin(server.endpoint, '/config/staging')
  const environments = { staging: staging as never }
  const console = await startConsole({ admin: admin as never, environments, user: 'ana', ...options })
  const closers: (() => Promise<unknown>)[] = []
  return {
    client,
    admin,
    staging,
    console,
    async startInstance({ isOlder = false, host } = {}) {
      // A tree of 100,000 keys takes a while where the machine has more to do.
      const config = await definitionFor(server.endpoint, { isOlder }).load({
        startup: { timeoutMs: 60_000 },
      })
      const member = await joinFleet(config, {
        appVersion: isOlder ? '1.4.0' : '1.5.0',
        ...(host !== undefined && { labels: { zone: host } }),
      })
      closers.push(async () => {
        await member.leave()
        await config.close()
      })
    },
    async [Symbol.asyncDispose]() {
      await console.close()
      for (const close of closers.reverse()) await close()
      await staging.close()
      await admin.close()
      await client.close()
      await server.close()
    },
  }
}

async function fill(client: EtcdClient, begin: number, end: number): Promise<void> {
  const puts = Array.from({ length: end - begin }, (_, index) => {
    const number = begin + index
    return client.kv.put(
      `/config/shop/base/limits/tenant-${Math.floor(number / 100)}/limit-${number % 100}`,
      String(number),
    )
  })
  await Promise.all(puts)
}
