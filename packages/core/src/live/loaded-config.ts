import { inspect } from 'node:util'
import { LivetreeError } from '../errors.ts'
import type { Path } from '../issue.ts'
import { Notifier } from '../events/notifier.ts'
import { type ChangeEvent, ChangeFeed } from '../events/change-event.ts'
import { ChangeLog } from '../events/change-log.ts'
import { withDeadline } from '../deadline.ts'
import { assertListener, type ConfigEventName, type ConfigListener } from '../events/event-hub.ts'
import type { ConfigParts } from './config-parts.ts'
import { FallbackAge } from './fallback-age.ts'
import { Freshness } from './freshness.ts'
import { healthOf } from './health.ts'
import { Lifetime } from './lifetime.ts'
import * as method from './method-options.ts'
import { previewUpdates } from './preview-changes.ts'
import { SourceConnections } from './source-connections.ts'
import { stateOf, statusOf } from './status.ts'
import { updateHandlers } from './update-handlers.ts'
import type {
  ChangedOptions,
  ConfigHealth,
  ConfigStatus,
  LiveConfig,
  PreviewChange,
  PreviewOptions,
  RefreshOptions,
  WatchOptions,
} from '../live-config.ts'
import type { Preview } from '../pipeline/outcome.ts'
import { Pin } from '../request/pin.ts'
import type { Resource, ResourceOptions } from '../resource/resource-options.ts'
import { ResourceSet } from '../resource/resource-set.ts'
import type { Snapshot } from '../updates/snapshot.ts'
import { type Subscriber, WatchSubscriber } from '../events/subscriber.ts'
import type { LoggerLike } from '../to-logger.ts'
import type { UpdateProcessor } from '../updates/update-processor.ts'

/** The configuration that `load` returns: implements `LiveConfig` with the update processor, the notifier and resources. */
export class LoadedConfig<T> implements LiveConfig<T> {
  readonly name: string
  readonly #parts: ConfigParts<T>
  readonly #notifier: Notifier<T>
  readonly #writer: UpdateProcessor<T>
  readonly #freshness: Freshness
  readonly #resources: ResourceSet<T>
  readonly #changes: ChangeLog<T>
  readonly #pin = new Pin<T>()
  readonly #lifetime: Lifetime
  readonly #connections = new SourceConnections()
  /** A plain field, so that reading `current` costs one property access. */
  #current: T = undefined as T
  readonly #fallback: FallbackAge

  constructor(parts: ConfigParts<T>) {
    const { name, options, pipeline, sources } = parts
    this.name = name
    this.#parts = parts
    this.#lifetime = new Lifetime(name)
    this.#fallback = new FallbackAge(options.clock)
    const feed = new ChangeFeed<T>((previous, next) => pipeline.diff(previous, next))
    this.#changes = new ChangeLog(feed, () => this.#notifier.loops())
    this.#notifier = new Notifier(name, parts.log, { feed, snapshot: () => this.snapshot() }, options.clock)
    this.#writer = parts.writer
    parts.keeper?.onError((error) => this.report(error))
    this.#resources = new ResourceSet(options.clock, this.#notifier)
    this.#freshness = new Freshness({
      clock: options.clock,
      writer: this.#writer,
      sources,
      staleAfterMs: options.staleAfterMs,
      servedProvenAt: () => this.#fallback.provenAt,
      onStale: (event) => this.#pin.leave(() => this.#notifier.stale(event)),
      onLive: (staleMs) => this.#pin.leave(() => this.#notifier.live({ revision: this.revision, staleMs })),
    })
    this.#writer.observe(
      updateHandlers({
        notifier: this.#notifier,
        keeper: parts.keeper,
        reportsUnused: parts.reportsUnused,
        apply: (snapshot) => this.#apply(snapshot),
        judged: () => parts.followers.judged(),
        checkFreshness: () => this.#freshness.check(),
        outside: (work) => this.#pin.leave(work),
      }),
    )
  }

  /** Opens the sources, which then send updates to the update processor. For load.ts. @throws LivetreeError `source_broken`, `invalid_options` */
  open(): void {
    const { sources, options, log, comparison } = this.#parts
    const { clock, staleAfterMs } = options
    for (const [index, { source }] of sources.entries()) {
      const context = { sink: this.#writer.sinkFor(index), clock, logger: log, staleAfterMs }
      this.#connections.open(source, context, comparison)
    }
  }

  /** Starts serving: emits `ready` and watches freshness. `provenAt`: when the fallback was proven, in Unix ms. For load.ts. */
  ready(provenAt: number | undefined): void {
    this.#fallback.begin(provenAt)
    this.#freshness.start()
    this.#parts.restarts.begin(this.#current)
    this.#notifier.ready(Object.freeze({ revision: this.revision, servedFrom: this.#writer.servedFrom }))
  }

  get current(): T {
    return this.#current
  }
  get revision(): number {
    return this.snapshot().revision
  }
  get version(): number {
    return this.snapshot().version
  }
  get epoch(): number {
    return this.snapshot().epoch
  }
  get signal(): AbortSignal {
    return this.#lifetime.signal
  }

  get status(): ConfigStatus {
    const { provenAt, isStale, isLost } = this.#freshness
    return statusOf({
      snapshot: this.snapshot(),
      servedFrom: this.#writer.servedFrom,
      isClosed: this.#lifetime.isOver,
      isStale,
      isLost,
      provenAt,
      readyAt: this.#fallback.readyAt,
      now: this.#parts.options.clock.now(),
      sources: this.#parts.sources.map((source) => source.status),
      acceptedAt: this.#writer.acceptedAt,
      rejected: this.#writer.rejected,
      resources: this.#resources.statuses(),
      snapshotError: this.#parts.keeper?.lastError,
      unsettled: this.#notifier.pending.list(),
      needsRestart: this.#parts.restarts.pending(this.#current),
      unused: this.#parts.reportsUnused ? this.#writer.unused : [],
    })
  }

  get health(): ConfigHealth {
    const { clock, maxStalenessMs } = this.#parts.options
    return healthOf(this.status, { now: clock.now(), maxStalenessMs, staleReason: this.#freshness.reason })
  }

  on<E extends ConfigEventName>(event: E, listener: ConfigListener<T, E>): () => void {
    this.#lifetime.assertOpen()
    assertListener('on()', event, listener)
    return this.#notifier.hub.on(event, listener)
  }

  once<E extends ConfigEventName>(event: E, listener: ConfigListener<T, E>): () => void {
    this.#lifetime.assertOpen()
    assertListener('once()', event, listener)
    return this.#notifier.hub.once(event, listener)
  }

  off<E extends ConfigEventName>(event: E, listener: ConfigListener<T, E>): void {
    this.#notifier.hub.off(event, listener)
  }

  watch<S>(
    selector: (value: T) => S,
    handler: (next: S, previous: S, change: ChangeEvent<T>) => unknown,
    options: WatchOptions<S> = {},
  ): () => void {
    this.#lifetime.assertOpen()
    // The overloads of LiveConfig.watch declare when the arguments may be undefined.
    type Called = (next: S, previous: S | undefined, change: ChangeEvent<T> | undefined) => unknown
    const watched = method.watched(selector, handler as Called, options)
    return this.#pin.leave(() => {
      const subscriber = new WatchSubscriber<T, S>(this.#notifier.delivery, watched)
      if (options.immediate) subscriber.callImmediately()
      return this.#notifier.hub.subscribe(subscriber as Subscriber<T>)
    })
  }

  async changed(options: ChangedOptions<T> = {}): Promise<ChangeEvent<T>> {
    method.checkChanged(options, this.snapshot())
    const { after = this.snapshot(), timeoutMs, signal } = options
    return withDeadline((cut) => this.#changes.past(after, cut), {
      clock: this.#parts.options.clock,
      timeoutMs,
      signals: [signal, this.signal],
      what: `Waiting for a change of configuration "${this.name}"`,
    })
  }

  async refresh(options: RefreshOptions = {}): Promise<void> {
    this.#lifetime.assertOpen()
    const what = `Refreshing configuration "${this.name}"`
    method.checkRefresh(options)
    const { timeoutMs = 10_000, signal } = options
    const deadline = { clock: this.#parts.options.clock, timeoutMs, signals: [signal, this.signal], what }
    await this.#connections.refresh(() => this.#writer.settled(), deadline)
  }

  explain(path: string | Path) {
    return this.#parts.pipeline.explain(method.checkPath(path))
  }

  preview(changes: readonly PreviewChange[], options: PreviewOptions = {}): Preview {
    this.#lifetime.assertOpen()
    const { pipeline, restarts, options: loaded } = this.#parts
    const known = {
      sources: loaded.sources,
      patchOf: this.#connections.patchOf,
      heldBy: (source: number) => pipeline.stagedLeaves(source),
    }
    const updates = previewUpdates(known, changes, options)
    const found = this.#pin.leave(() => this.#writer.preview(updates, restarts.differing))
    return this.#parts.reportsUnused ? found : Object.freeze({ ...found, unused: Object.freeze([]) })
  }

  snapshot(): Snapshot<T> {
    const { snapshot } = this.#writer
    if (snapshot !== undefined) return snapshot
    throw new LivetreeError('internal', `Configuration "${this.name}" was read before it was loaded.`)
  }

  async resource<S, R>(selector: (value: T) => S, options: ResourceOptions<S, R>): Promise<Resource<R>> {
    this.#lifetime.assertOpen()
    return this.#pin.leave(() => this.#resources.add(this.#current, selector, options))
  }

  pinned(): T {
    return (this.#pin.snapshot ?? this.snapshot()).value
  }

  pinnedSnapshot(): Snapshot<T> {
    return this.#pin.snapshot ?? this.snapshot()
  }

  runPinned<R>(work: () => R, snapshot?: Snapshot<T>): R {
    method.checkWork('runPinned()', work)
    if (snapshot === undefined) return this.#pin.run(this.snapshot(), work)
    method.checkSnapshot('runPinned()', snapshot, this.snapshot())
    return this.#pin.runAnew(snapshot, work)
  }

  runUnpinned<R>(work: () => R): R {
    method.checkWork('runUnpinned()', work)
    return this.#pin.leave(work)
  }

  attachLogger(logger: LoggerLike): () => void {
    return this.#parts.log.attach(method.checkLogger(logger))
  }

  report(error: LivetreeError): void {
    this.#pin.leave(() => this.#notifier.failed(method.reportable(error)))
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<ChangeEvent<T>, undefined> {
    this.#lifetime.assertOpen()
    return this.#changes.since(this.snapshot(), this.signal)
  }

  close(): Promise<void> {
    return this.#pin.leave(() => this.#lifetime.end(() => this.#shutDown()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  toJSON(): object {
    const { revision, epoch, version } = this.snapshot()
    const state = stateOf({ isClosed: this.#lifetime.isOver, isStale: this.#freshness.isStale })
    return { name: this.name, state, revision, epoch, version }
  }

  [inspect.custom](_depth: number, options: object): string {
    const value = this.#parts.pipeline.redact(this.#current)
    return `LiveConfig ${inspect({ ...this.toJSON(), current: value }, options)}`
  }

  /** Applies the new state before anyone is notified. */
  #apply(snapshot: Snapshot<T>): () => void {
    const previous = this.#changes.accept(snapshot)
    this.#current = snapshot.value
    return () => {
      this.#notifier.changed(previous, snapshot)
      this.#changes.wake()
    }
  }

  async #shutDown(): Promise<void> {
    this.#writer.close()
    this.#parts.comparison?.close()
    this.#freshness.stop()
    const { followers, keeper } = this.#parts
    const closing = this.#connections.close((error) => this.report(error))
    await Promise.all([this.#resources.close(), closing, keeper?.close(), followers.close()])
    this.#notifier.close()
  }
}
