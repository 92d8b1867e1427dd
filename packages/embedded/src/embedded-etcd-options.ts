import type { Clock } from './clock.ts'
import type { TlsOptions } from './grpc/listener.ts'

/** Options of `startEmbeddedEtcd`. */
export interface EmbeddedEtcdOptions {
  /** Port to listen on. Default 0: any free port. */
  readonly port?: number
  /** Address to listen on. Default `127.0.0.1`. With every address, such as `0.0.0.0`, a process warning is emitted if auth is off. */
  readonly host?: string
  /** The client URLs in the member list. Default: the endpoint. */
  readonly advertisedClientUrls?: readonly string[]
  /** A SQLite file that keeps the state across restarts; created if it is missing. Default: memory only. */
  readonly dataFile?: string
  /** Default: the system clock. */
  readonly clock?: Clock
  /** Password of the user `root`, who is created if missing; enables auth. Ignored if auth is already enabled. */
  readonly auth?: { readonly rootPassword: string }
  /** Serves TLS with these certificates. Default: cleartext. */
  readonly tls?: TlsOptions
  /** Size above which writes are rejected with "database space exceeded", in bytes. Default 2 GiB, as in etcd. */
  readonly quotaBytes?: number
  /**
   * Compacts the history by itself, as etcd does with `--auto-compaction-mode=revision`, and keeps at least this many of the
   * newest revisions: a whole number from 1 on. Twice as many, or as many as there are keys, may be stored.
   * Default: only a client's compaction frees memory.
   */
  readonly autoCompaction?: { readonly keepRevisions: number }
  /** Lifetime of an unused auth token, in milliseconds. Default 300,000, as in etcd. */
  readonly tokenTtlMs?: number
  /** Idle time after which a watch with `progress_notify` receives the revision, in milliseconds. Default 600,000, as in etcd. */
  readonly progressIntervalMs?: number
  /**
   * Called once if the data file can no longer be written. The server then stops responding, because it must not
   * acknowledge a write that is not saved. What it throws or rejects with becomes a process warning. Default: emits a
   * process warning.
   */
  readonly onError?: (error: Error) => unknown
}
