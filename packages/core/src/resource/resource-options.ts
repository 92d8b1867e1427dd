import type { ResourceEventType } from '../events/diagnostics.ts'
import type { LivetreeError } from '../errors.ts'
import type { Clock } from '../source/source.ts'
import type { ReportFailure } from '../callback.ts'
import type { Borrowed } from './instance.ts'
import type { PendingCalls } from '../events/pending-calls.ts'

/** Options of `LiveConfig.resource`: how a resource is created from a part of the configuration, and disposed. */
export interface ResourceOptions<S, R> {
  /** Name in `status`, errors and diagnostics. Default `resource 1`, `resource 2`, … */
  readonly name?: string | undefined
  /**
   * Creates an instance. `signal` aborts when the selected part changes during the build or the resource is closed; the
   * instance is then disposed instead of served. A build that takes longer than 5 seconds is reported once by `error`, and
   * shown in `status` and `health` until it has ended.
   */
  create(selected: S, context: { readonly signal: AbortSignal }): R | Promise<R>
  /** Validates a new instance: it goes into service unless this throws, rejects or returns `false`. Default: no check. */
  check?(candidate: R, context: { readonly signal: AbortSignal }): unknown
  /**
   * Disposes of an instance after its last use or `drainMs`; not while it is in service, as one is that `create` has returned
   * again. If this takes longer than 5 seconds, whatever `drainMs` is, it
   * is reported, shown in `status` and `health` until it has ended, and no longer waited for. Default: does nothing.
   */
  dispose?(old: R): unknown
  /**
   * How long an old instance waits for its borrowers before it is disposed, in milliseconds. A build may also continue for
   * this long after its signal has aborted; then it is abandoned, and an instance it creates later is disposed. With
   * `Infinity`, `close` waits for the last borrower however long that takes. Default 30,000.
   */
  readonly drainMs?: number | undefined
  /** Delays each rebuild by a random time of at most this many milliseconds, to spread the reconnects of a fleet. Default 0. */
  readonly jitterMs?: number | undefined
  /** Whether two selected values share one instance. Default `Object.is`. */
  readonly isEqual?: ((one: S, other: S) => boolean) | undefined
}

/** State of one resource, in `ConfigStatus.resources`. */
export interface ResourceStatus {
  readonly name: string
  /** `failed`: the build for the newest configuration failed; the previous instance is in service. */
  readonly state: 'ready' | 'building' | 'failed' | 'closed'
  /**
   * Why the last build failed; undefined if it succeeded. Has no `cause`, which may quote a secret and is in the error that
   * the `error` event or `resource()` gives.
   */
  readonly lastError: LivetreeError | undefined
  /** How long the running build has been running, in milliseconds; 0 if there is none. */
  readonly buildingForMs: number
  /** Number of borrowers of the instance in service. */
  readonly borrowedCount: number
  /** Number of old instances that are not disposed yet. */
  readonly drainingCount: number
  /** Number of instances that have gone into service so far. */
  readonly builtCount: number
}

/** A value built from a part of the configuration and replaced, without a gap, when that part changes. */
export interface Resource<R> extends AsyncDisposable {
  readonly name: string
  /** The instance in service. Use `use` or `acquire` instead of keeping it: it may be disposed while you work with it. */
  readonly current: R
  readonly status: ResourceStatus
  /**
   * Runs `work` with the instance in service, which is not disposed before `work` settles or `drainMs` expires.
   * @throws LivetreeError `closed` after `close`
   */
  use<X>(work: (value: R) => X | Promise<X>): Promise<X>
  /**
   * Borrows the instance in service until `release`.
   * @throws LivetreeError `closed` after `close`
   */
  acquire(): Borrowed<R>
  /** Stops following the configuration and drains. Resolves when all instances are disposed. */
  close(): Promise<void>
}

/** `ResourceOptions` with every default applied, and what the resource needs from its configuration. */
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
  readonly pending: PendingCalls
  /** A build causes the next one without end. Must not throw. */
  loops?(): void
  readonly report: ReportFailure
  readonly onEvent: (type: ResourceEventType, error?: LivetreeError) => void
  readonly onClosed: () => void
}
