import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedEtcd } from '@livetree/embedded'
import { createEtcdClient, type EtcdClient } from '@livetree/etcd'
import { startEtcd } from '../../../test/support/start-etcd.ts'

/** The etcd the demo runs on. */
export interface Store {
  /** Describes the store, for people. */
  readonly name: string
  readonly endpoint: string
  readonly client: EtcdClient
  /** Stops it like a crash, keeping the data. */
  kill(): Promise<void>
  /** Starts it again at the same address. */
  restart(): Promise<void>
  close(): Promise<void>
}

/** Starts the store of the demo and a client to write with: `embedded` needs no installation, `etcd` is a real server. */
export function startStore(kind: 'embedded' | 'etcd'): Promise<Store> {
  return kind === 'etcd' ? startRealStore() : startEmbeddedStore()
}

async function startRealStore(): Promise<Store> {
  const server = await startEtcd()
  const client = createEtcdClient({ endpoints: [server.endpoint] })
  return {
    name: `etcd ${server.version}`,
    endpoint: server.endpoint,
    client,
    kill: () => server.kill(),
    restart: () => server.restart(),
    async close() {
      await client.close()
      await server.close()
    },
  }
}

async function startEmbeddedStore(): Promise<Store> {
  const folder = mkdtempSync(join(tmpdir(), 'livetree-demo-'))
  const dataFile = join(folder, 'etcd.db')
  const options = { dataFile, autoCompaction: { keepRevisions: 10_000 } }
  let server = await startEmbeddedEtcd(options)
  const { endpoint, port } = server
  const client = createEtcdClient({ endpoints: [endpoint] })
  return {
    name: 'embedded etcd',
    endpoint,
    client,
    kill: () => server.close(),
    async restart() {
      server = await startEmbeddedEtcd({ ...options, port })
    },
    async close() {
      await client.close()
      await server.close()
      rmSync(folder, { recursive: true })
    },
  }
}
