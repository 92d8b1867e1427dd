import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { defineConfig, etcd, restart, secret } from 'livetree'
import { type FleetMember, joinFleet, type JoinFleetOptions } from 'livetree/fleet'
import * as z from 'zod'
import { waitFor } from '../../../support/wait-for.ts'

/** What the processes of a shop take: versions differ in the largest pool. */
function shopOf(mostPool: number) {
  const pool = z.object({
    min: z.number().int().default(2),
    max: z.number().int().max(mostPool).default(10),
  })
  return defineConfig({
    name: 'shop',
    schema: z.object({
      http: z.object({
        timeoutMs: restart(z.number().int().positive()).default(2_000),
        hosts: z.array(z.string()).default([]),
      }),
      db: z.object({ url: secret(z.string()).default('none'), pool }),
      features: z.record(z.string(), z.boolean()).default({}),
    }),
  })
}

/** Instances of this process that joined the fleet of one tree. */
export interface TestFleet extends AsyncDisposable {
  /** Loads the configuration of a version that takes pools up to a size, and joins. */
  join(id: string, mostPool?: number, options?: JoinFleetOptions): Promise<FleetMember>
  /** Cuts an instance off, as a process that hangs: its record stays, and it says nothing any more. */
  hang(id: string): Promise<void>
}

/** @param root the directory of the layers `base` and `prod` */
export function startFleet(endpoint: string, root: string): TestFleet {
  const clients = new Map<string, EtcdClient>()
  const closers: (() => Promise<void>)[] = []
  return {
    async join(id, mostPool = 200, options = {}) {
      const client = createEtcdClient({ endpoints: [endpoint] })
      const source = etcd({ endpoints: [endpoint], root, overlays: ['base', 'prod'] })
      const config = await shopOf(mostPool).load({ sources: [source], logger: false })
      const member = await joinFleet(config, { id, ttlSeconds: 60, ...options, client })
      clients.set(id, client)
      closers.push(async () => {
        await config.close()
        await client.close()
      })
      await waitFor(() => member.status.written?.judgesProposals === 1, { what: `${id} to join` })
      return member
    },
    async hang(id) {
      await clients.get(id)?.close()
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(closers.map((close) => close()))
    },
  }
}
