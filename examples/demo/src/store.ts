import { type EtcdClient, createEtcdClient } from '@livetree/etcd'
import { startEtcd } from '../../../test/support/start-etcd.ts'

/** The etcd the demo runs on. */
export interface Store {
  /** What it is, for people. */
  readonly name: string
  readonly endpoint: string
  readonly client: EtcdClient
  /** Path of an `etcdctl` on this machine, when there is one. */
  readonly etcdctl: string | undefined
  /** Ends it as a crash does; the data stays. */
  kill(): Promise<void>
  /** Starts it again where it was. */
  restart(): Promise<void>
  close(): Promise<void>
}

/** Starts a real etcd, found on the machine or fetched, and a client to write with. */
export async function startStore(): Promise<Store> {
  const server = await startEtcd()
  const client = createEtcdClient({ endpoints: [server.endpoint] })
  return {
    name: `etcd ${server.version}`,
    endpoint: server.endpoint,
    client,
    etcdctl: server.etcdctlPath,
    kill: () => server.kill(),
    restart: () => server.restart(),
    async close() {
      await client.close()
      await server.close()
    },
  }
}
