import type { Clock, EtcdClient } from '@livetree/etcd'
import type { Reports } from '../reports.ts'

/** What registrations share. */
export interface RegistrationContext {
  readonly client: EtcdClient
  readonly clock: Clock
  readonly reports: Reports
  readonly zone: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborted when the discovery is closed. */
  readonly closed: AbortSignal
  keyOf(service: string, id: string): string
  /** Work that goes on after its call has ended; `close()` of the discovery waits for it. It must not reject. */
  inBackground(work: Promise<void>): void
}
