import type { LivetreeError } from './errors.ts'
import type { Path, UnusedKey } from './issue.ts'
import type { ExplainedLayer, Preview } from './pipeline/outcome.ts'
import type { ChangeEvent } from './events/change-event.ts'
import type { ConfigEventName, ConfigListener } from './events/event-hub.ts'
import type { Resource, ResourceOptions, ResourceStatus } from './resource/resource-options.ts'
import type { UnsettledCall } from './events/pending-calls.ts'
import type { Snapshot } from './updates/snapshot.ts'
import type { SourceStatus } from './updates/source-state.ts'
import type { LoggerLike } from './to-logger.ts'
import type { RejectedEvent } from './updates/rejection.ts'
import type { ServedFrom } from './updates/served-state.ts'

/** State of a configuration at the moment `status` was read. */
export interface ConfigStatus {
  /** `stale`: the configuration may be behind the store. It stays `live` while the newest tree is `rejected`. */
  readonly state: 'live' | 'stale' | 'closed'
  /** `snapshot` and `defaults`: no source has delivered a valid tree yet. Changes to `sources` when one does. */
  readonly servedFrom: ServedFrom
  readonly revision: number
  readonly epoch: number
  readonly version: number
  /** When `current` was last proven to be the newest state, in ms since the Unix epoch; undefined if it never was. */
  readonly provenAt: number | undefined
  /** Milliseconds since `provenAt` (since loading if that is undefined); 0 while live and no store is disconnected. */
  readonly staleForMs: number
  /** In order of precedence, the lowest first. */
  readonly sources: readonly SourceStatus[]
  /** When a tree of the sources was last found valid, in ms since the Unix epoch; undefined if none was yet. */
  readonly acceptedAt: number | undefined
  /** The last rejection, while the newest tree is invalid; undefined otherwise. */
  readonly rejected: RejectedEvent | undefined
  readonly resources: readonly ResourceStatus[]
  /** Why the snapshot on disk is behind, while writing it fails and is tried again; undefined otherwise. */
  readonly snapshotError: LivetreeError | undefined
  /**
   * Listeners, handlers, builds and disposals that have been running for more than 5 seconds; at most 1,000. A listener is
   * not called again until it has settled.
   */
  readonly unsettled: readonly UnsettledCall[]
  /**
   * Paths that the schema marks with `restart()` and whose value is another one than when this process loaded: `current` has
   * the new one, the application may still run with the old one.
   */
  readonly needsRestart: readonly string[]
  /** Keys that match nothing in the schema; empty with `unused: 'ignore'`. */
  readonly unused: readonly UnusedKey[]
}

/** What a health endpoint reports. Reading it makes no request to the store. */
export interface ConfigHealth {
  /**
   * True from loading to `close`, except while the last proof is older than `maxStalenessMs`. Use it for readiness, not
   * for liveness.
   */
  readonly isReady: boolean
  readonly state: ConfigStatus['state']
  readonly revision: number
  readonly staleForMs: number
  /**
   * Why the configuration is not ready or not live, which source is disconnected, why the newest tree was rejected (path
   * and key), which resource could not be built, which functions of the application do not settle, and why the snapshot on
   * disk is behind; undefined if there is no problem. Contains no secrets.
   */
  readonly reason: string | undefined
}

/** Options of `LiveConfig.watch`. */
export interface WatchOptions<S> {
  /** Calls the handler with the current value before `watch` returns, with `previous` and `change` undefined. Default false. */
  readonly immediate?: boolean | undefined
  /**
   * Compares two selected values. Default `Object.is`, which is right for parts of the configuration: parts that did not
   * change keep their identity. Where states in between were not delivered, because the handler was busy, the default
   * compares the content.
   */
  readonly isEqual?: ((one: S, other: S) => boolean) | undefined
}

/** Options of `LiveConfig.changed`. */
export interface ChangedOptions<T> {
  /**
   * Resolves for any change after this snapshot (exact) or store revision, immediately if one has already happened. The event has
   * all that differs from the snapshot; after a revision it has the last change alone. Default: the next change from now.
   */
  readonly after?: number | Snapshot<T> | undefined
  /** How long to wait, in milliseconds. Default: no limit. */
  readonly timeoutMs?: number | undefined
  /** Cancels the wait. */
  readonly signal?: AbortSignal | undefined
}

/** One key that would be written or deleted; see `LiveConfig.preview`. */
export interface PreviewChange {
  /** Name of a layer, as `explain` shows it: `etcd:/config/checkout/prod`. */
  readonly layer: string
  /** The key as the store knows it: `/config/checkout/prod/db/pool/max`. */
  readonly key: string
  /**
   * A text is read by the schema, as one in the store is; `undefined` deletes the key. In a file a value takes the place of
   * all that is at the key and below, and an object that loses its last value stays; in `memory` it is merged, as `set` does. The
   * `profile` of a document in a YAML file with profiles says, as it is written, whether the document counts then.
   */
  readonly value: unknown
}

/** Options of `LiveConfig.preview`. */
export interface PreviewOptions {
  /** Names of the layers in which everything that goes is meant to go; see `guard`. Default none. */
  readonly allowRemovals?: readonly string[] | undefined
}

/** Options of `LiveConfig.refresh`. */
export interface RefreshOptions {
  /** How long to wait, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number | undefined
  /** Cancels the wait. */
  readonly signal?: AbortSignal | undefined
}

/**
 * A typed, live, always valid configuration.
 *
 * Guarantees for readers and listeners:
 * - `current` is always valid, deeply frozen, and one consistent state of the sources. Parts that did not change keep
 *   their identity from one state to the next. A Date, Map, Set, URL, Buffer or typed array is a copy whose mutating
 *   methods throw, and its `buffer` is a copy too. Two things cannot be prevented at run time: assigning a single byte
 *   (`key[0] = 1`, a compile error), and changing an instance of another class, which is served as the schema made it.
 *   Copy a value before you change it.
 * - `current` is updated before the first listener runs.
 * - Calls to one listener never overlap, and it receives states in order. While a listener is busy (its promise has not
 *   settled) it skips intermediate states, never the last one, and receives the difference from the state it received last.
 * - An error thrown by a listener affects no other listener; it is reported by `error` and the logger.
 * - Nothing throws in the background. Invalid trees are reported by `rejected` and never served.
 */
export interface LiveConfig<T> extends AsyncDisposable, AsyncIterable<ChangeEvent<T>> {
  /** The name given to `defineConfig`. */
  readonly name: string
  /** The current value. Stays readable after `close`. */
  readonly current: T
  /**
   * The store revision that `current` reflects. It is taken from the last remote source (such as etcd) and also advances
   * for revisions that change nothing here. Without a remote source it equals `version`. `status.sources` has the revision
   * of each source. Never decreases within an `epoch`.
   */
  readonly revision: number
  /** Counts the values this process has served, from 1. Changes from local sources count too. */
  readonly version: number
  /** Increases when the store is replaced by another one, for example restored from a backup. */
  readonly epoch: number
  readonly status: ConfigStatus
  readonly health: ConfigHealth
  /**
   * Aborted when `close` is called. Node calls its listeners, without the isolation of `on` and `watch`: a listener that
   * throws does not stop `close`, but Node raises an `uncaughtException`, which ends the process. The same applies to
   * subscribers of `node:diagnostics_channel`.
   */
  readonly signal: AbortSignal

  /** Adds a listener; returns a function that removes it. @throws LivetreeError `closed`, `invalid_options` */
  on<E extends ConfigEventName>(event: E, listener: ConfigListener<T, E>): () => void
  /** Like `on`, but removes the listener before its first call. @throws LivetreeError `closed`, `invalid_options` */
  once<E extends ConfigEventName>(event: E, listener: ConfigListener<T, E>): () => void
  /** Removes a listener added by `on` or `once`. */
  off<E extends ConfigEventName>(event: E, listener: ConfigListener<T, E>): void
  /**
   * Calls `handler` when the selected value changes; returns a function that stops watching. A change that is reverted
   * while the handler is busy is not delivered.
   *
   * @throws LivetreeError `closed`, `invalid_options`; whatever the selector throws for the current value
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
  /** Waits for a change. @throws LivetreeError `timeout`, `aborted`, `closed` or `invalid_options` */
  changed(options?: ChangedOptions<T>): Promise<ChangeEvent<T>>
  /**
   * Reads your writes: resolves when everything the sources held at the time of the call has been validated. `current` is
   * then at or past the store revision at the time of the call, unless the newest tree was rejected (`status.rejected`).
   *
   * @throws LivetreeError `source_unavailable`, `timeout`, `aborted` or `closed`
   */
  refresh(options?: RefreshOptions): Promise<void>
  /**
   * Returns the value at a path (`db.pool.max`, or a list of segments) and what each layer contributes to it, the highest
   * layer first. Secrets are redacted.
   *
   * @throws LivetreeError `invalid_options`
   */
  explain(path: string | Path): {
    readonly path: Path
    readonly value: unknown
    readonly layers: readonly ExplainedLayer[]
  }
  /**
   * Judges changes that nobody has made yet, on this process's own layers and by its own schema: what `current` would
   * become, or why it would be rejected. Runs to its end at once, makes no request, and changes and reports nothing.
   * Costs what the changes themselves would. They are judged on the newest tree, which may be one that is rejected.
   *
   * @throws LivetreeError `invalid_options` for a layer that is not there, a key that is not of the layer, or a value that
   *   its source would refuse; `closed`; `internal` when the schema's own code calls it
   */
  preview(changes: readonly PreviewChange[], options?: PreviewOptions): Preview
  /** Returns the current state as an immutable object that does not follow later changes. */
  snapshot(): Snapshot<T>
  /**
   * Builds a resource, such as a connection pool, from a part of the configuration and replaces it when that part changes:
   * build and check the new one, swap, drain the old one, dispose of it.
   *
   * @throws LivetreeError `resource_failed` if the first build fails, `closed`, `invalid_options`
   */
  resource<S, R>(selector: (value: T) => S, options: ResourceOptions<S, R>): Promise<Resource<R>>
  /** Returns the value pinned by the surrounding `runPinned`; `current` outside of one. */
  pinned(): T
  /** Returns the snapshot pinned by the surrounding `runPinned`; the snapshot of `current` outside of one. */
  pinnedSnapshot(): Snapshot<T>
  /**
   * Runs `work` with one pinned state: `pinned` returns the same value in `work` and in everything it starts, across
   * `await`, timers and streams. A nested call keeps the outer pin unless it passes a snapshot. Default: the current state.
   */
  runPinned<R>(work: () => R, snapshot?: Snapshot<T>): R
  /**
   * Runs `work` outside of the surrounding `runPinned`: for what a request creates and others use, such as a pool or a timer.
   * What the configuration calls by itself (listeners, selectors, factories) is outside of it already.
   */
  runUnpinned<R>(work: () => R): R
  /**
   * For adapters: sends log entries to the application's logger from now on, unless `load` was given a logger or `false`.
   * Returns a function that detaches it.
   *
   * @throws LivetreeError `invalid_options`
   */
  attachLogger(logger: LoggerLike): () => void
  /** For adapters: reports an error by the `error` event, the logger and diagnostics. */
  report(error: LivetreeError): void
  /**
   * Stops following the sources, closes resources (the newest first) and connections, and writes the snapshot to disk.
   * Leaves no socket, timer or listener open. Never rejects.
   */
  close(): Promise<void>
  /** Name, state, revision, epoch and version, without values. */
  toJSON(): object
}
