import type { Clock } from '../clock.ts'
import type { EtcdError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { callIsolated } from '../call-isolated.ts'
import type { BackoffOptions } from './backoff.ts'
import type { Balancer } from './balancer.ts'
import type { SilentToken } from './silent-token.ts'
import type { TokenKeeper } from './token-keeper.ts'

/** A call that can be ended by the client. */
export interface OpenCall {
  stop(error: EtcdError): void
}

/** What all calls of a channel share. */
export interface CallContext {
  /** Names the client in diagnostics. */
  readonly clientName: string
  readonly balancer: Balancer
  readonly tokens: TokenKeeper
  readonly silentToken: SilentToken
  readonly clock: Clock
  readonly logger: Logger
  readonly backoff: BackoffOptions
  /** Time limit of unary calls without one of their own, in milliseconds. */
  readonly callTimeoutMs: number
  /** After this time, in milliseconds, a read is tried on another endpoint if there is one. */
  readonly attemptTimeoutMs: number
  readonly maxResponseBytes: number
  /** All calls in progress except those in `parting`. */
  readonly open: Set<OpenCall>
  /** Calls that clean up and are permitted while the client closes. */
  readonly parting: Set<OpenCall>
  /** Set once the client is closed. */
  closed: EtcdError | undefined
  /** Set once no more calls are accepted, not even those that clean up. */
  isOver: boolean
  /** Pending while undici is loaded and endpoints are discovered; calls wait for it. */
  preparation: Promise<void> | undefined
  /** The request headers; returns the same array for the same arguments while the token is unchanged. */
  headers(token: string | undefined, requireLeader: boolean): string[]
}

/** Notifies a caller of an attempt that is retried. An exception is logged and has no other effect. */
export function tellRetry(
  onRetry: ((error: EtcdError) => void) | undefined,
  error: EtcdError,
  logger: Logger,
): void {
  if (onRetry === undefined) return
  callIsolated(
    () => onRetry(error),
    (thrown) => logger.error('onRetry threw', { call: error.call, error: thrown }),
  )
}
