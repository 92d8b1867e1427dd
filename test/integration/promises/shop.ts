import { createEtcdClient, type EtcdClient, op } from '@livetree/etcd'
import { defineConfig, etcd, type LoadOptions, secret } from 'livetree'
import { afterEach, beforeAll } from 'vitest'
import * as z from 'zod'
import type { EtcdUnderTest } from '../../support/each-etcd.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'

/** The configuration all promise tests load. */
export const shop = defineConfig({
  name: 'shop',
  schema: z.object({
    http: z.object({ port: z.number().int().default(3000), timeoutMs: z.number().positive() }),
    db: z.object({ url: secret(z.url()), pool: z.object({ max: z.number().int().min(1).max(200) }) }),
    features: z.record(z.string(), z.boolean()),
    limits: z.record(z.string(), z.number()).default({}),
  }),
})

export type Shop = Awaited<ReturnType<typeof shop.load>>

/** A tree that fits. */
export const GOOD_TREE: Record<string, string> = {
  'http/timeoutMs': '1500',
  'db/url': 'postgres://shop:hunter2-secret@db/shop',
  'db/pool/max': '10',
  'features/search': 'on',
}

/** A server of its own for a block of tests, and for each test a root of its own on it. */
export interface ShopFixture {
  readonly server: EtcdServer
  readonly client: EtcdClient
  /** `/test/<number>`, new for each test. */
  readonly root: string
  /** Writes leaves below `root/prod` in one transaction; undefined deletes. Resolves with its revision. */
  write(leaves: Record<string, string | undefined>): Promise<number>
  /** Loads with the etcd source at `root`, overlays `base` and `prod`. Closed after the test. */
  load(options?: Partial<LoadOptions>, source?: { endpoints?: string[]; overlays?: string[] }): Promise<Shop>
  /** The same with so many keys a page while listing; not closed after the test. */
  loadPaged(pageSize: number): Promise<Shop>
  /** Has something closed after the test. */
  keep<D extends AsyncDisposable>(one: D): D
}

let roots = 0

/** Sets the fixture up for the tests of the block it is called in. */
export function useShop(etcdUnderTest: EtcdUnderTest): ShopFixture {
  let server: EtcdServer
  let client: EtcdClient
  let root = newRoot()
  let kept: AsyncDisposable[] = []
  beforeAll(async () => {
    server = await etcdUnderTest.start()
    client = createEtcdClient({ endpoints: [server.endpoint] })
    return () => client.close()
  })
  afterEach(async () => {
    for (const one of kept.reverse()) await one[Symbol.asyncDispose]()
    kept = []
    root = newRoot()
  })
  const keep = <D extends AsyncDisposable>(one: D): D => {
    kept.push(one)
    return one
  }
  return {
    get server() {
      return server
    },
    get client() {
      return client
    },
    get root() {
      return root
    },
    keep,
    async write(leaves) {
      const ops = Object.entries(leaves).map(([path, text]) =>
        text === undefined ? op.delete(`${root}/prod/${path}`) : op.put(`${root}/prod/${path}`, text),
      )
      const { header } = await client.kv
        .txn()
        .then(...ops)
        .commit()
      return header.revision
    },
    loadPaged(pageSize) {
      const source = etcd({ endpoints: [server.endpoint], root, overlays: ['base', 'prod'], pageSize })
      return shop.load({ sources: [source] })
    },
    async load(options = {}, { endpoints = [server.endpoint], overlays = ['base', 'prod'] } = {}) {
      return keep(await shop.load({ sources: [etcd({ endpoints, root, overlays })], ...options }))
    },
  }
}

function newRoot(): string {
  roots++
  return `/test/${roots}`
}
