import type { Clock } from './clock.ts'
import type { TlsOptions } from './grpc/listener.ts'

/** Options of `startEmbeddedEtcd`. */
export interface EmbeddedEtcdOptions {
  /** 0, the default: any free port. */
  readonly port?: number
  /** Address to listen on. Default `127.0.0.1`. On every address, such as `0.0.0.0`, a process warning tells when auth is off. */
  readonly host?: string
  /** What clients that ask for the members are told to dial. Default: the endpoint. */
  readonly advertisedClientUrls?: readonly string[]
  /** A SQLite file that keeps the state over restarts; made when it is not there. Default: memory only. */
  readonly dataFile?: string
  /** Default: the machine's. */
  readonly clock?: Clock
  /** Makes the user `root` with this password and switches auth on, if it is not on yet. */
  readonly auth?: { readonly rootPassword: string }
  /** Serves TLS with these certificates. Default: cleartext. */
  readonly tls?: TlsOptions
  /** Size at which writes are refused with "database space exceeded", in bytes. Default 2 GiB, as in etcd. */
  readonly quotaBytes?: number
  /** Life of an auth token that is not used, in milliseconds. Default 300,000, as in etcd. */
  readonly tokenTtlMs?: number
  /** Quiet time before a watch with `progress_notify` hears of the revision, in milliseconds. Default 600,000, as in etcd. */
  readonly progressIntervalMs?: number
  /**
   * Told once when the data file can no longer be written. The server has stopped to answer then, for what is not
   * saved must not be told. What it throws, or rejects with, becomes a process warning. Default: a process warning.
   */
  readonly onError?: (error: Error) => unknown
}
