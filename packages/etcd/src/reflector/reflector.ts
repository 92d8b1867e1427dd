import { readOptions, SIGNAL } from '../check-argument.ts'
import { type Clock, keepRunning } from '../clock.ts'
import { EtcdError, isFinalError, isSettingError } from '../errors.ts'
import type { KeyRange } from '../key-range-form.ts'
import type { Namespace } from '../key-range.ts'
import type { Logger } from '../logger.ts'
import type { Channel } from '../transport/transport.ts'
import { asEtcdError } from '../as-etcd-error.ts'
import { callIsolated } from '../call-isolated.ts'
import type { WatchBatch, WatchHandlers, WatchProgress } from '../watch/watch-handlers.ts'
import type { WatchOptions } from '../watch/watch-options.ts'
import type { WatcherKnowledge } from '../watch/watch-host.ts'
import { JoinedWatch, type JoinOptions } from '../watch/joined-watch.ts'
import type { WatchState } from '../watch/watch-state.ts'
import { KV } from '../wire/rpc.ts'
import { waitWithin } from '../wait-within.ts'
import { nameDeniedRange } from './denied-range.ts'
import { isInRange } from './is-in-range.ts'
import { type Listed, listRanges } from './list-ranges.ts'
import { type ListedPage, listedPage } from './listed-page.ts'
import { readHistory } from './read-history.ts'
import { type ListedRanges, readPast } from './read-past.ts'
import { planReflection, type ReflectionPlan } from './reflection-plan.ts'
import type {
  ReflectedList,
  ReflectedRanges,
  Reflector,
  ReflectorHandlers,
  ReflectorOptions,
} from './reflector-types.ts'
import { EvidenceByRange } from './evidence-by-range.ts'
import { StoreEpochs } from './store-epochs.ts'
import type { StorePosition } from './store-position.ts'
import type { StoreRecognizer } from './store-recognizer.ts'
import { Turns } from './turns.ts'
import { onAbort } from '../on-abort.ts'

/** What a reflector needs from the watch service. */
export interface ReflectorPorts {
  readonly channel: Channel
  readonly clock: Clock
  readonly logger: Logger
  readonly namespace: Namespace
  readonly recognizer: StoreRecognizer
  subscribe(
    range: KeyRange,
    handlers: WatchHandlers,
    options: WatchOptions,
    known?: WatcherKnowledge,
  ): WatchState
  /** Called when the reflector was cancelled. */
  onEnded(reflector: Reflector): void
}

/** The watch of one range, or of several as one. */
type FollowingWatch = Pick<WatchState, 'state' | 'raftTerm' | 'reached' | 'cancel'>

type PageHandler = (index: number, page: ListedPage) => void

/** Errors that end a watch and are resolved by a new list. */
const LIST_AGAIN: ReadonlySet<string> = new Set(['compacted', 'cluster_changed', 'response_too_large'])

/** Default of `finalRestMs`. */
const FINAL_REST_MS = 30_000

/**
 * Lists, watches from there, and lists again when the watch cannot continue: one loop, one position, one
 * store.
 */
export class ListAndWatch implements Reflector {
  readonly #ports: ReflectorPorts
  readonly #plan: ReflectionPlan
  readonly #handlers: ReflectorHandlers
  readonly #options: ReflectorOptions
  readonly #closing = new AbortController()
  readonly #epochs = new StoreEpochs()
  /** Signals that a list was delivered, that the watch is connected, or that neither will happen. */
  readonly #turns = new Turns()
  readonly #unlisten: (() => void) | undefined
  #watcher: FollowingWatch | undefined
  /** Number of lists started so far, and of the last one that was delivered. */
  #begun = 0
  #handedOver = 0
  /** When the progress that was reported last was requested, in milliseconds since the epoch. */
  #provenAt = 0
  #endRest: () => void = () => undefined

  /** @throws EtcdError `invalid_argument` */
  constructor(
    ports: ReflectorPorts,
    ranges: ReflectedRanges,
    handlers: ReflectorHandlers,
    options: ReflectorOptions,
  ) {
    this.#ports = ports
    this.#plan = planReflection(ranges, ports.namespace)
    this.#handlers = handlers
    this.#options = options
    const { signal } = options
    this.#unlisten = signal && onAbort(signal, () => this.cancel())
    if (signal?.aborted) this.cancel()
    // Deferred, so that the caller has the reflector before the first handler is called.
    else queueMicrotask(() => void this.#run())
  }

  get revision(): number {
    return this.#epochs.known?.revision ?? 0
  }

  get epoch(): number {
    return this.#epochs.epoch
  }

  cancel(): void {
    if (this.#closing.signal.aborted) return
    this.#closing.abort(new EtcdError('cancelled', { call: 'Watch/Watch' }))
    this.#unlisten?.()
    this.#watcher?.cancel()
    this.#ports.onEnded(this)
    this.#call((handlers) => handlers.onEnd?.())
  }

  async refresh(options?: { readonly signal?: AbortSignal }): Promise<void> {
    const { signal } = readOptions('KV/Range', { signal: SIGNAL }, options)
    const closing = this.#closing.signal
    const ended = signal === undefined ? closing : AbortSignal.any([signal, closing])
    ended.throwIfAborted()
    const begun = this.#begun
    const before = this.#epochs.known
    const askedAt = this.#ports.clock.now()
    this.#endRest()
    const { header } = await this.#ports.channel.unary(
      KV.range,
      { ...this.#plan.follow[0]!, limit: 1, keysOnly: true },
      { retry: 'read', signal: ended },
    )
    if (header === undefined) throw new EtcdError('malformed_message', { call: 'KV/Range' })
    this.#endRest()
    // If another store answered, positions of the known one do not compare: wait for the next list.
    const canReach = !StoreEpochs.isOther(before, header)
    while (this.#handedOver <= begun) {
      ended.throwIfAborted()
      if (canReach && (await this.#hasReached(header.revision, ended)))
        return this.#proveBy({ revision: header.revision, at: askedAt, isExact: false })
      if (this.#handedOver <= begun) await this.#turns.next(ended)
    }
  }

  /** Returns false if the watch ended or lost its connection before it reached the revision. */
  async #hasReached(revision: number, signal: AbortSignal): Promise<boolean> {
    const watcher = this.#watcher
    // Without a connection it is unknown whether the position still belongs to the same store.
    if (watcher?.state !== 'live') return false
    try {
      await watcher.reached(revision, { signal })
      return watcher === this.#watcher
    } catch (error) {
      if (signal.aborted || watcher === this.#watcher) throw error
      return false
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        await this.#follow(await this.#list(), () => {
          failures = 0
        })
        // Backs off if the history was compacted before the list could be used.
        if (failures > 0 && !signal.aborted) await this.#rest(this.#ports.channel.backoffMs(failures - 1))
      } catch (thrown) {
        if (signal.aborted) return
        const error = await nameDeniedRange(asEtcdError(thrown, 'Watch/Watch'), {
          channel: this.#ports.channel,
          plan: this.#plan,
          signal,
        })
        if (signal.aborted) return
        const isFinal = isFinalError(error) || isSettingError(error)
        this.#lost(error, isFinal)
        const restMs = isFinal
          ? (this.#options.finalRestMs ?? FINAL_REST_MS)
          : this.#ports.channel.backoffMs(failures)
        if (!signal.aborted) await this.#rest(restMs)
      }
    }
  }

  /** Reads and delivers all ranges. Keeps no reference to them, because the watch that follows lives long. */
  async #list(): Promise<StorePosition> {
    const { clock, namespace } = this.#ports
    const { ranges, follow, unlisted } = this.#plan
    const isResync = this.#epochs.known !== undefined
    this.#begun += 1
    const order = this.#begun
    const provenAt = clock.now()
    let evidence = new EvidenceByRange(ranges, follow)
    const { header } = await this.#read({
      follow: unlisted,
      onBegin: () => {
        this.#tell((handlers) => handlers.onListing?.())
        evidence = new EvidenceByRange(ranges, follow)
        return evidence
      },
      onPage: (index, page, revision) => {
        if (isResync) page.entries().some((kv) => this.#epochs.doubts(kv))
        this.#tell((handlers) => handlers.onPage(index, listedPage(page, revision, namespace.prefix.length)))
      },
    })
    const isOther = this.#epochs.isOther(header)
    const list: ReflectedList = Object.freeze({
      revision: header.revision,
      epoch: this.epoch + Number(isOther),
      isResync,
      knownRevision: isOther ? 0 : this.revision,
      header,
      provenAt,
      readPast: (revision: number, onPage: PageHandler) =>
        readPast({
          read: (what) => this.#read(what),
          plan: this.#plan,
          newest: header,
          revision,
          onPage: (index, page) => onPage(index, listedPage(page, revision, namespace.prefix.length)),
        }),
      readHistory: (after: number, onBatch: (batch: WatchBatch) => void) =>
        readHistory({
          subscribe: (handlers, options) => this.#watch(handlers, options),
          after,
          header,
          signal: this.#closing.signal,
          onBatch: (batch) => this.#reflected(batch, onBatch),
        }),
    })
    const whole = this.#handlers.onWhole?.(list)
    if (whole !== undefined) await waitWithin(whole, { clock, signals: [this.#closing.signal] })
    this.#closing.signal.throwIfAborted()
    this.#epochs.listed(header, evidence)
    if (isOther) {
      const { revision, epoch } = list
      this.#ports.logger.warn('Another store answers now: a new epoch begins', { revision, epoch })
    }
    this.#handedOver = order
    this.#tell((handlers) => handlers.onList(list))
    this.#turns.happened()
    return this.#epochs.known!
  }

  #read(what: ListedRanges): Promise<Listed> {
    return listRanges(this.#ports.channel, {
      recognizer: this.#ports.recognizer,
      ranges: this.#plan.ranges,
      pageSize: this.#options.pageSize,
      signal: this.#closing.signal,
      onRetry: (error) => this.#lost(error, false),
      ...what,
    })
  }

  /** Watches from the list on; resolves when the watch ends for a reason that a new list resolves. */
  #follow(after: StorePosition, onUseful: () => void): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.resolve()
    return new Promise((resolve, reject) => {
      let isUnproven = false
      const onContact = () => {
        this.#tell((handlers) => handlers.onContact?.())
        this.#turns.happened()
      }
      const watcher = this.#watch(
        {
          onEvents: (batch) => {
            onUseful()
            this.#epochs.reached(batch.revision)
            this.#reflected(batch, (whole) => this.#tell((handlers) => handlers.onBatch(whole)))
          },
          onProgress: (progress) => {
            onUseful()
            // Progress from an old server may be early: it shows that the server answers, but must not move
            // the position.
            if (progress.isExact) this.#epochs.reached(progress.revision)
            this.#prove(progress)
          },
          onCreated: onContact,
          onResumed: onContact,
          onDisconnected: ({ error }) => this.#lost(error, false),
          onClusterChanged: ({ reason }) => {
            isUnproven = reason === 'unproven'
          },
          onEnd: (error) => {
            this.#epochs.heard(this.#watcher?.raftTerm ?? 0)
            this.#watcher = undefined
            if (error?.code === 'cluster_changed' && !isUnproven) this.#epochs.disproven()
            // The history is gone, belongs to another store, or cannot be verified: list again.
            if (error === undefined || LIST_AGAIN.has(error.code)) resolve()
            else reject(error)
          },
        },
        { afterRevision: after.revision, clusterId: after.clusterId },
        this.#epochs.evidence?.parts.map((evidence) => ({
          evidence,
          raftTerm: after.raftTerm,
          proofEveryMs: this.#options.proofEveryMs,
        })),
      )
      if (watcher.state !== 'ended') this.#watcher = watcher
    })
  }

  #watch(handlers: WatchHandlers, options: JoinOptions, known?: readonly WatcherKnowledge[]): FollowingWatch {
    const { followed } = this.#plan
    const [only, ...others] = followed
    if (only === undefined || others.length > 0)
      return new JoinedWatch(this.#ports, followed, handlers, options, known)
    return this.#ports.subscribe(only, handlers, options, known?.[0])
  }

  /** Delivers the changes in the ranges and keys. */
  #reflected(batch: WatchBatch, onBatch: (batch: WatchBatch) => void): void {
    const { isFollowWider } = this.#plan
    const events = isFollowWider ? batch.events.filter(({ kv }) => this.#isReflected(kv.key)) : batch.events
    if (events.length > 0) onBatch({ ...batch, events })
  }

  #isReflected(key: Buffer): boolean {
    const { prefix } = this.#ports.namespace
    const stored = prefix.length === 0 ? key : Buffer.concat([prefix, key])
    return this.#plan.ranges.some((range) => isInRange(range, stored))
  }

  /** A read has shown how far the store is: a proof as good as progress, unless a later one was reported. */
  #proveBy(progress: WatchProgress): void {
    const isKnown = progress.at < this.#provenAt && this.#provenAt <= this.#ports.clock.now()
    if (!isKnown) this.#prove(progress)
  }

  #prove(progress: WatchProgress): void {
    this.#provenAt = progress.at
    this.#tell((handlers) => handlers.onProgress?.(progress))
  }

  #lost(error: EtcdError | undefined, isFinal: boolean): void {
    this.#tell((handlers) => handlers.onLost?.(error, isFinal))
    if (isFinal) this.#turns.failed(error)
  }

  #rest(ms: number): Promise<void> {
    const { clock } = this.#ports
    const { signal } = this.#closing
    return new Promise((resolve) => {
      this.#endRest = () => {
        this.#endRest = () => undefined
        clock.clearTimeout(timer)
        signal.removeEventListener('abort', this.#endRest)
        resolve()
      }
      const end = this.#endRest
      const timer = keepRunning(clock.setTimeout(() => end(), ms))
      signal.addEventListener('abort', end, { once: true })
    })
  }

  #tell(call: (handlers: ReflectorHandlers) => void): void {
    if (!this.#closing.signal.aborted) this.#call(call)
  }

  #call(call: (handlers: ReflectorHandlers) => void): void {
    callIsolated(
      () => call(this.#handlers),
      (error) => this.#ports.logger.error('A handler of a reflector failed', { error }),
    )
  }
}
