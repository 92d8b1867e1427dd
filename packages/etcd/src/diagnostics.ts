import { channel, tracingChannel } from 'node:diagnostics_channel'
import type { EtcdErrorCode } from './error-codes.ts'

/** The name of a client that has none of its own. */
export const DEFAULT_CLIENT_NAME = 'etcd'

/** What every message of a client has. No message holds a key, a value or a credential. */
export interface ClientMessage {
  /** The client's `clientName`. */
  readonly client: string
}

/**
 * One call and its retries: the same object is published when the call starts and when it settles, so that a subscriber may
 * remember it. Streams (watches, leases that are kept alive, snapshots of a member) are no calls.
 */
export interface CallMessage extends ClientMessage {
  /** `KV/Put`. */
  readonly method: string
  /** When the call started, in milliseconds since the Unix epoch. */
  readonly startedAt: number
  /** How it ended: `ok`, or the code of the error; undefined until then. */
  code: 'ok' | EtcdErrorCode | undefined
  /** How long it took, in milliseconds; undefined until it has ended. */
  durationMs: number | undefined
  /** URL of the last endpoint it was sent to; undefined if there was none. */
  endpoint: string | undefined
  /** The cluster that answered the client last when the call started, as in `wrote`; undefined if none has answered yet. */
  readonly store: string | undefined
  /** What the call wrote, if it did: the revision, and the cluster's id as a hexadecimal number. */
  wrote: { readonly revision: number; readonly store: string } | undefined
}

/** An attempt at a call failed, and the call goes on. */
export interface RetryMessage extends ClientMessage {
  readonly method: string
  readonly endpoint: string | undefined
  /** Why the attempt failed. */
  readonly code: EtcdErrorCode
}

/** `idle`: nothing was sent to it yet, or not for three minutes since it was away. `away`: it cannot be connected, or the last call failed through its fault. */
export type EndpointState = 'idle' | 'connected' | 'away'

/** The state of an endpoint has changed. */
export interface EndpointMessage extends ClientMessage {
  readonly endpoint: string
  readonly state: Exclude<EndpointState, 'idle'>
}

/**
 * Why watches left their stream or their history: how the stream ended (`failed`: by the server or the connection, `dead`,
 * `silent`, `unanswered`, `no_progress`: by the client, which waited in vain), `token`: the stream needs a new one, `unverified`: it is not
 * known whether the store is still the same, `moved`: to another stream of the client, `full`: the server takes too few calls at a
 * time; and of ranges that are listed again: `compacted`, `cluster_changed`, `response_too_large`, `ended`.
 */
export type WatchRestartReason =
  | 'failed'
  | 'dead'
  | 'silent'
  | 'unanswered'
  | 'no_progress'
  | 'dropped'
  | 'token'
  | 'unverified'
  | 'moved'
  | 'full'
  | 'compacted'
  | 'cluster_changed'
  | 'response_too_large'
  | 'ended'

/** The watches of a stream go on with another one, or ranges are listed again. */
export interface WatchMessage extends ClientMessage {
  readonly endpoint: string | undefined
  readonly reason: WatchRestartReason
}

/**
 * A lease that is kept alive: `renewed`; `failed`, with the code, where the server did not take a renewal; `lost`: the server no
 * longer has the lease; `expired`: its time was over before a renewal was answered.
 */
export interface LeaseMessage extends ClientMessage {
  readonly result: 'renewed' | 'failed' | 'lost' | 'expired'
  readonly code: EtcdErrorCode | undefined
}

/**
 * The channels of `node:diagnostics_channel` that a client publishes on, and their messages. `livetree:etcd:call` is a
 * `tracingChannel`: `start` and `end` are published in the caller's asynchronous context, `asyncStart` and `asyncEnd` when
 * the call has settled, `error` before them if it failed. The messages of the other channels are frozen. A subscriber that throws interrupts nothing here, but Node
 * raises an `uncaughtException`, which ends the process.
 */
export interface EtcdChannels {
  'tracing:livetree:etcd:call:start': CallMessage
  'tracing:livetree:etcd:call:end': CallMessage
  'tracing:livetree:etcd:call:asyncStart': CallMessage
  'tracing:livetree:etcd:call:asyncEnd': CallMessage
  'tracing:livetree:etcd:call:error': CallMessage
  'livetree:etcd:retry': RetryMessage
  'livetree:etcd:endpoint': EndpointMessage
  'livetree:etcd:watch': WatchMessage
  'livetree:etcd:lease': LeaseMessage
}

/** A channel whose messages have a type. Whoever publishes asks `hasSubscribers` first, and makes no message without one. */
interface TypedChannel<Message> {
  readonly hasSubscribers: boolean
  publish(message: Message): void
}

function typed<Name extends keyof EtcdChannels>(name: Name): TypedChannel<EtcdChannels[Name]> {
  const target = channel(name)
  return {
    get hasSubscribers() {
      return target.hasSubscribers
    },
    // All subscribers get the same message.
    publish: (message) => target.publish(Object.freeze(message)),
  }
}

/** The calls of all clients. */
export const CALLS = tracingChannel<unknown, CallMessage>('livetree:etcd:call')

/** The other channels of all clients. */
export const CHANNELS = {
  retry: typed('livetree:etcd:retry'),
  endpoint: typed('livetree:etcd:endpoint'),
  watch: typed('livetree:etcd:watch'),
  lease: typed('livetree:etcd:lease'),
} as const
