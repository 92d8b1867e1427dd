import type { Clock } from '../clock.ts'
import type { EtcdError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { callIsolated } from '../call-isolated.ts'
import type { BackoffOptions } from './backoff.ts'
import type { Balancer } from './balancer.ts'
import type { TokenKeeper } from './token-keeper.ts'

/** A call that can be ended from outside, when the client closes. */
export interface OpenCall {
  stop(error: EtcdError): void
}

/** What the calls of one channel share. */
export interface CallContext {
  readonly balancer: Balancer
  readonly tokens: TokenKeeper
  readonly clock: Clock
  readonly logger: Logger
  readonly backoff: BackoffOptions
  /** For unary calls without their own, in milliseconds. */
  readonly callTimeoutMs: number
  /** After this a read is tried on another endpoint, if there is one; in milliseconds. */
  readonly attemptTimeoutMs: number
  readonly maxResponseBytes: number
  /** All calls that have not ended, but those in `parting`. */
  readonly open: Set<OpenCall>
  /** Calls that put something right, also while the client closes. */
  readonly parting: Set<OpenCall>
  /** Set once the client is closed. */
  closed: EtcdError | undefined
  /** Set once not even calls that put something right at the end are taken. */
  isOver: boolean
  /** Pending while undici is loaded and the endpoints are discovered; calls wait for it. */
  preparation: Promise<void> | undefined
  /** Request headers; the same array for the same arguments as long as the token stays. */
  headers(token: string | undefined, requireLeader: boolean): string[]
}

/** Tells a caller of an attempt that is made again. What it throws is logged and changes nothing. */
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
