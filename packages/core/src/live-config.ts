import type { LivetreeError } from './errors.ts'
import type { Path, UnusedKey } from './issue.ts'
import type { ExplainedLayer } from './pipeline/outcome.ts'
import type { ChangeEvent } from './events/change-event.ts'
import type { ConfigEventName, ConfigListener } from './events/event-hub.ts'
import type { Resource, ResourceOptions, ResourceStatus } from './resource/resource-options.ts'
import type { Snapshot } from './updates/snapshot.ts'
import type { SourceStatus } from './updates/source-state.ts'
import type { LoggerLike } from './to-logger.ts'
import type { RejectedEvent } from './updates/rejection.ts'
import type { ServedFrom } from './updates/update-processor.ts'

/** Where a configuration stands, at the moment it was asked. */
export interface ConfigStatus {
  /** `stale`: may be behind the store. `live` also while the newest tree is `rejected`. */
  readonly state: 'live' | 'stale' | 'closed'
  /** `snapshot` and `defaults`: no source has given a valid tree yet; goes over to `sources` by itself. */
  readonly servedFrom: ServedFrom
  readonly revision: number
  readonly epoch: number
  readonly version: number
  /** When the state in service was last proven to be the newest, ms since the epoch; undefined if it never was. */
  readonly provenAt: number | undefined
  /** Milliseconds since `provenAt` (since loading where it is undefined); 0 while live and no store is lost. */
  readonly staleForMs: number
  /** In the order of precedence, the lowest first. */
  readonly sources: readonly SourceStatus[]
  /** The newest tree, if it is not valid. */
  readonly rejected: RejectedEvent | undefined
  readonly resources: readonly ResourceStatus[]
  /** Keys the schema does not know; empty with `unused: 'ignore'`. */
  readonly unused: readonly UnusedKey[]
}

/** What a health endpoint needs. Never asks the store. */
export interface ConfigHealth {
  /** From loading to `close`, and never staler than `maxStalenessMs` where that is set. For readiness; not for liveness. */
  readonly isReady: boolean
  readonly state: ConfigStatus['state']
  readonly revision: number
  readonly staleForMs: number
  /**
   * Why it is not ready or not live, which source is lost, what the newest tree was rejected for (path and key), which
   * resource could not be built; undefined when all is well. Without secrets.
   */
  readonly reason: string | undefined
}

export interface WatchOptions<S> {
  /** Call the handler with the value now, before `watch` returns. `previous` and `change` are undefined then. */
  readonly immediate?: boolean | undefined
  /** Tells whether two selected values are the same. Default `Object.is`: right for parts of the configuration, which keep their identity. */
  readonly isEqual?: ((one: S, other: S) => boolean) | undefined
}

export interface ChangedOptions<T> {
  /**
   * Resolve for any change past this: a snapshot (exact), or a revision of the store. At once, if there was one already.
   * Default: the next change from now.
   */
  readonly after?: number | Snapshot<T> | undefined
  /** Default: no limit. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface RefreshOptions {
  /** Default 10,000. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * A typed, live, always valid configuration.
 *
 * What it guarantees to those who read and listen:
 * - `current` is always valid, frozen all the way down, and one state of the sources; parts that did not change keep
 *   their identity from one state to the next. A Date, Map, Set, URL, Buffer or typed array is a copy whose writing methods
 *   throw, and the memory of bytes is given out as a copy. What cannot be held: an assignment to one byte (`key[0] = 1`, a
 *   compile error), and instances of other classes, which are handed on as the schema made them. Copy what you change.
 * - `current` is the new state before the first listener of it runs.
 * - Each listener is called one at a time, with states in order. One that is busy (its promise has not settled) misses
 *   states in between, never the last one, and is told the difference to what it knew.
 * - What a listener throws reaches nobody else; it is reported by `error` and the logger.
 * - Nothing in the background throws. Trees that are not valid are reported by `rejected` and never served.
 */
export interface LiveConfig<T> extends AsyncDisposable, AsyncIterable<ChangeEvent<T>> {
  /** The name it was defined with. */
  readonly name: string
  /** The state in service. Stays readable after `close`. */
  readonly current: T
  /**
   * The store revision of which `current` is the state: that of the last remote source (as etcd), also when that
   * revision changed nothing here. Without a remote source, `version`. Each source has its own in `status`. Never goes
   * back within an `epoch`.
   */
  readonly revision: number
  /** Counts the values served by this process, from 1; local changes count too. */
  readonly version: number
  /** Rises when the store behind is another one (restored, replaced). */
  readonly epoch: number
  readonly status: ConfigStatus
  readonly health: ConfigHealth
  /**
   * Fires when `close` is called. Its listeners are called by Node and not behind the guard of `on` and `watch`: one that
   * throws does not stop `close`, but Node makes an `uncaughtException` of it, which ends the process. So it is with the
   * subscribers of `node:diagnostics_channel`.
   */
  readonly signal: AbortSignal

  /** Adds a listener; returns what removes it. @throws LivetreeError `closed` */
  on<E extends ConfigEventName>(event: E, listener: ConfigListener<T, E>): () => void
  /** As `on`, for one call. */
  once<E extends ConfigEventName>(event: E, listener: ConfigListener<T, E>): () => void
  /** Removes a listener added by `on` or `once`. */
  off<E extends ConfigEventName>(event: E, listener: ConfigListener<T, E>): void
  /**
   * Calls `handler` when what `selector` gives is another; returns what stops it. A change that was taken back before
   * the handler was free is not told.
   *
   * @throws LivetreeError `closed`; what the selector throws on the current value
   */
  watch<S>(
    selector: (value: T) => S,
    handler: (next: S, previous: S, change: ChangeEvent<T>) => unknown,
    options?: WatchOptions<S> & { readonly immediate?: false | undefined },
  ): () => void
  watch<S>(
    selector: (value: T) => S,
    handler: (next: S, previous: S | undefined, change: ChangeEvent<T> | undefined) => unknown,
    options: WatchOptions<S>,
  ): () => void
  /** Waits for a change. @throws LivetreeError `timeout`, `aborted` or `closed` */
  changed(options?: ChangedOptions<T>): Promise<ChangeEvent<T>>
  /**
   * Catches up: resolves when everything the sources held at the time of the call has been judged, so that `current` is
   * at or past the store's revision now, unless the newest tree is `status.rejected`.
   *
   * @throws LivetreeError `source_unavailable`, `timeout`, `aborted` or `closed`
   */
  refresh(options?: RefreshOptions): Promise<void>
  /** The value at a path (`db.pool.max`, or segments) and what each layer has there, the highest first. Secrets are redacted. */
  explain(path: string | Path): {
    readonly path: Path
    readonly value: unknown
    readonly layers: readonly ExplainedLayer[]
  }
  /** The state in service, for keeping. */
  snapshot(): Snapshot<T>
  /**
   * Builds something from a part of the configuration and replaces it when that changes: prepare, swap, drain, dispose.
   *
   * @throws LivetreeError `resource_failed` when the first build fails, `closed`
   */
  resource<S, R>(selector: (value: T) => S, options: ResourceOptions<S, R>): Promise<Resource<R>>
  /** The value pinned by `runPinned` around the caller; `current` outside of one. */
  pinned(): T
  /** The snapshot pinned by `runPinned` around the caller; that of `current` outside of one. */
  pinnedSnapshot(): Snapshot<T>
  /**
   * Runs `work` so that `pinned` gives one and the same state in it, and in everything it starts, across `await`, timers
   * and streams. Inside another pin that one stays, unless a snapshot is given.
   */
  runPinned<R>(work: () => R, snapshot?: Snapshot<T>): R
  /**
   * For adapters: what is logged goes to the app's logger from now on, unless `load` was given one, or `false`. Returns
   * what takes it off again.
   *
   * @throws LivetreeError `invalid_options`
   */
  attachLogger(logger: LoggerLike): () => void
  /** For adapters: reports what went wrong by `error`, the logger and diagnostics. */
  report(error: LivetreeError): void
  /** Stops following the sources, closes resources (the newest first) and connections, writes the snapshot on disk. Leaves nothing behind. Never rejects. */
  close(): Promise<void>
  /** Name and place, without values. */
  toJSON(): object
}
