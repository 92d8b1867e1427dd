import type { LivetreeError } from '../errors.ts'
import type { Clock } from '../source/source.ts'
import type { ReportFailure } from '../callback.ts'
import type { Borrowed } from './instance.ts'

/** How a resource is made from a part of the configuration, and taken down again. */
export interface ResourceOptions<S, R> {
  /** Name in `status`, errors and diagnostics. Default `resource 1`, `resource 2`, … */
  readonly name?: string | undefined
  /** Makes an instance. `signal` fires when the configuration has moved on meanwhile, or is closed: what is made then is disposed. */
  create(selected: S, context: { readonly signal: AbortSignal }): R | Promise<R>
  /** Says whether an instance may go into service, by not throwing and not giving `false`. Default: every one may. */
  check?(candidate: R, context: { readonly signal: AbortSignal }): unknown
  /**
   * Takes an instance down, after its last use or `drainMs`. One that takes longer than 5 seconds, whatever `drainMs` is,
   * is reported and not waited for. Default: nothing to do.
   */
  dispose?(old: R): unknown
  /**
   * How long an old instance waits for those who use it, in milliseconds; so long a build may go on, too, when its signal
   * has fired: then it is given up, and what it makes later is disposed. With `Infinity`, `close` waits for the last
   * borrower however long that takes. Default 30,000.
   */
  readonly drainMs?: number | undefined
  /** Waits up to so many milliseconds, by chance, before a new build, so that a fleet does not reconnect at once. Default 0. */
  readonly jitterMs?: number | undefined
  /** Tells whether two selected values need the same instance. Default `Object.is`. */
  readonly isEqual?: ((one: S, other: S) => boolean) | undefined
}

export interface ResourceStatus {
  readonly name: string
  /** `failed`: the instance for the newest configuration could not be built; the one before is in service. */
  readonly state: 'ready' | 'building' | 'failed' | 'closed'
  /** Why the last build failed; undefined once one has succeeded. */
  readonly lastError: LivetreeError | undefined
  /** How many use the instance in service. */
  readonly borrowedCount: number
  /** Old instances that are still in use. */
  readonly drainingCount: number
  /** Instances that went into service so far. */
  readonly builtCount: number
}

/** Something built from the configuration that is replaced, without a gap, when its part of the configuration changes. */
export interface Resource<R> extends AsyncDisposable {
  readonly name: string
  /** The instance in service. Do not keep it: use `use` or `acquire`, or it may be disposed while you work with it. */
  readonly current: R
  readonly status: ResourceStatus
  /**
   * Runs `work` with the instance in service, which is not disposed before it is done (up to `drainMs`).
   * @throws LivetreeError `closed` after `close`
   */
  use<X>(work: (value: R) => X | Promise<X>): Promise<X>
  /**
   * Borrows the instance in service until `release`.
   * @throws LivetreeError `closed` after `close`
   */
  acquire(): Borrowed<R>
  /** Stops following the configuration, drains and disposes. Resolves when all instances are disposed. */
  close(): Promise<void>
}

/** `ResourceOptions` with nothing left open, and what the resource is made within. */
export interface ResourceSettings<T, S, R> {
  readonly name: string
  readonly selector: (value: T) => S
  create(selected: S, context: { readonly signal: AbortSignal }): R | Promise<R>
  check(candidate: R, context: { readonly signal: AbortSignal }): unknown
  dispose(old: R): unknown
  readonly drainMs: number
  readonly jitterMs: number
  readonly isEqual: (one: S, other: S) => boolean
  readonly clock: Clock
  readonly report: ReportFailure
  readonly onEvent: (type: 'swapped' | 'failed' | 'disposed', error?: LivetreeError) => void
  readonly onClosed: () => void
}
