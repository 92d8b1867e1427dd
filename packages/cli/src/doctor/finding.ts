import type { EtcdClient } from '@livetree/etcd'
import type { OpenedTree } from '../connect/open-tree.ts'
import type { ExitCode } from '../errors/exit-codes.ts'
import type { Session } from '../session.ts'

/** What one check of `livetree doctor` found. */
export interface Finding {
  readonly check: string
  readonly status: 'ok' | 'warning' | 'failed' | 'skipped'
  readonly what: string
  /** What to do. */
  readonly remedy?: string
  /** The exit code that a failure leads to. */
  readonly exitCode?: ExitCode
}

/** What the checks work with. */
export interface DoctorContext {
  readonly session: Session
  readonly opened: OpenedTree
  readonly client: EtcdClient
}
