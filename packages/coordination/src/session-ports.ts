import type { EtcdClient, Logger } from '@livetree/etcd'
import type { Ending } from './caller-wait.ts'

/** What the keys of a session need of it. */
export interface SessionPorts extends Ending {
  readonly client: EtcdClient
  /** The id of the lease. */
  readonly lease: bigint
  readonly ttlSeconds: number
  readonly logger: Logger
  readonly signal: AbortSignal
  /** For every request: only the cluster that granted the lease may answer. */
  readonly control: { readonly clusterId?: bigint }
  /** Ends the session if an error of etcd shows that its lease does not exist. */
  noteError(error: unknown): void
}
