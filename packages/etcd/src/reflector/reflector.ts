import { readOptions, SIGNAL } from '../check-argument.ts'
import { type EtcdError, isFinalError, isSettingError } from '../errors.ts'
import { asEtcdError } from '../as-etcd-error.ts'
import type { WatchBatch, WatchHandlers } from '../watch/watch-handlers.ts'
import type { WatcherKnowledge } from '../watch/watch-host.ts'
import { JoinedWatch, type JoinOptions } from '../watch/joined-watch.ts'
import { waitWithin } from '../wait-within.ts'
import { nameDeniedRange } from './denied-range.ts'
import { reflectedEvents } from './reflected-events.ts'
import { type Listed, listRanges } from './list-ranges.ts'
import { newestHeader } from './newest-header.ts'
import { listedPage } from './listed-page.ts'
import { isTwoStores } from './assert-same-store.ts'
import { knowledgeOf, type PastPorts, pastOfList } from './past-of-list.ts'
import type { ListedRanges } from './read-past.ts'
import { planReflection, type ReflectionPlan } from './reflection-plan.ts'
import type {
  ReflectedList,
  ReflectedRanges,
  Reflector,
  ReflectorHandlers,
  ReflectorOptions,
} from './reflector-types.ts'
import type { FollowingWatch, ReflectorPorts } from './reflector-ports.ts'
import { ReflectorReports } from './reflector-reports.ts'
import { finalRestMs, Rest } from './rest.ts'
import { isTooLarge } from './txn-size.ts'
import { EvidenceByRange } from './evidence-by-range.ts'
import { StoreEpochs } from './store-epochs.ts'
import type { StorePosition } from './store-position.ts'
import { Turns } from './turns.ts'
import { cancelledError } from '../watch/stream-errors.ts'
import { onAbort } from '../on-abort.ts'
import { publishRestart } from '../watch/publish-restart.ts'

/** Errors that end a watch and are resolved by a new list. */
const LIST_AGAIN = ['compacted', 'cluster_changed', 'response_too_large'] as const

/** Lists, watches from there, and lists again when the watch cannot continue: one loop, one position, one store. */
export class ListAndWatch implements Reflector {
  readonly #ports: ReflectorPorts
  readonly #plan: ReflectionPlan
  readonly #handlers: ReflectorHandlers
  readonly #reports: ReflectorReports
  readonly #rest: Rest
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
    this.#reports = new ReflectorReports(handlers, ports, this.#closing.signal)
    this.#rest = new Rest(ports.clock, this.#closing.signal)
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
    this.end(undefined)
  }

  /** Ends the reflector for good. `error`: why, if its owner did not end it. */
  end(error: EtcdError | undefined): void {
    if (this.#closing.signal.aborted) return
    this.#closing.abort(error ?? cancelledError())
    this.#unlisten?.()
    this.#watcher?.cancel()
    this.#ports.onEnded(this)
    this.#reports.ended(error)
  }

  async refresh(options?: { readonly signal?: AbortSignal }): Promise<void> {
    const { signal } = readOptions('KV/Range', { signal: SIGNAL }, options)
    const closing = this.#closing.signal
    const ended = signal === undefined ? closing : AbortSignal.any([signal, closing])
    ended.throwIfAborted()
    const begun = this.#begun
    const before = this.#epochs.known
    const askedAt = this.#ports.clock.now()
    this.#rest.end()
    const header = await newestHeader(this.#ports.channel, this.#plan, ended)
    this.#rest.end()
    // If another store answered, positions of the known one do not compare: wait for the next list.
    const canReach = !StoreEpochs.isOther(before, header)
    while (this.#handedOver <= begun) {
      ended.throwIfAborted()
      if (canReach && (await this.#hasReached(header.revision, ended)))
        return this.#reports.proven({ revision: header.revision, at: askedAt, isExact: false })
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
        if (failures > 0 && !signal.aborted)
          await this.#rest.take(this.#ports.channel.backoffMs(failures - 1))
      } catch (thrown) {
        if (signal.aborted) return
        const error = await nameDeniedRange(asEtcdError(thrown, 'Watch/Watch'), {
          channel: this.#ports.channel,
          plan: this.#plan,
          signal,
        })
        if (signal.aborted) return
        if (isTwoStores(error)) this.#epochs.disproven()
        const isFinal = isFinalError(error) || isSettingError(error) || isTooLarge(error)
        this.#lost(error, isFinal)
        const restMs = isFinal
          ? finalRestMs(failures, isTooLarge(error), this.#options.finalRestMs)
          : this.#ports.channel.backoffMs(failures)
        if (!signal.aborted) await this.#rest.take(restMs)
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
        this.#reports.tell((handlers) => handlers.onListing?.())
        evidence = new EvidenceByRange(ranges, follow)
        return evidence
      },
      onPage: (index, page, revision) => {
        if (isResync) page.entries().some((kv) => this.#epochs.doubts(kv))
        this.#reports.tell((handlers) =>
          handlers.onPage(index, listedPage(page, revision, namespace.prefix.length)),
        )
      },
    })
    if (isResync && !this.#epochs.isOther(header)) {
      const onRetry = (error: EtcdError) => this.#lost(error, false)
      await this.#epochs.verify(this.#ports.recognizer, { signal: this.#closing.signal, onRetry })
    }
    const isOther = this.#epochs.isOther(header)
    const list: ReflectedList = Object.freeze({
      revision: header.revision,
      epoch: this.epoch + Number(isOther),
      isResync,
      knownRevision: isOther ? 0 : this.revision,
      header,
      provenAt,
      ...pastOfList(this.#pastPorts, header, evidence),
    })
    const whole = this.#handlers.onWhole?.(list)
    if (whole !== undefined) await waitWithin(whole, { clock, signals: [this.#closing.signal] })
    this.#closing.signal.throwIfAborted()
    const known = this.#epochs.listed(header, evidence)
    const { revision, epoch } = list
    if (isOther) this.#ports.logger.warn('Another store answers now: a new epoch begins', { revision, epoch })
    this.#handedOver = order
    this.#reports.tell((handlers) => handlers.onList(list))
    this.#turns.happened()
    return known
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

  get #pastPorts(): PastPorts {
    return {
      recognizer: this.#ports.recognizer,
      namespace: this.#ports.namespace,
      plan: this.#plan,
      signal: this.#closing.signal,
      read: (what) => this.#read(what),
      watch: (...what) => this.#watch(...what),
      reflected: (...what) => this.#reflected(...what),
      lost: (error) => this.#lost(error, false),
    }
  }

  /** Watches from the list on; resolves when the watch ends for a reason that a new list resolves. */
  #follow(after: StorePosition, onUseful: () => void): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.resolve()
    return new Promise((resolve, reject) => {
      let isUnproven = false
      const onContact = () => {
        this.#reports.tell((handlers) => handlers.onContact?.())
        this.#turns.happened()
      }
      const watcher = this.#watch(
        {
          onEvents: (batch) => {
            onUseful()
            this.#epochs.reached(batch.revision)
            this.#reflected(batch, (whole) => this.#reports.tell((handlers) => handlers.onBatch(whole)))
          },
          onProgress: (progress) => {
            onUseful()
            // Progress from an old server may be early: it shows that the server answers, and moves no position.
            if (progress.isExact) this.#epochs.reached(progress.revision)
            this.#reports.progressed(progress)
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
            const reason = error === undefined ? 'ended' : LIST_AGAIN.find((code) => code === error.code)
            if (reason === undefined) return reject(error)
            if (!this.#closing.signal.aborted) publishRestart(this.#ports.channel, error?.endpoint, reason)
            resolve()
          },
        },
        { afterRevision: after.revision, clusterId: after.clusterId },
        knowledgeOf(this.#epochs.evidence, after, { proofEveryMs: this.#options.proofEveryMs }),
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
    const events = reflectedEvents(this.#plan, this.#ports.namespace, batch.events)
    if (events.length > 0) onBatch({ ...batch, events })
  }

  #lost(error: EtcdError | undefined, isFinal: boolean): void {
    this.#reports.tell((handlers) => handlers.onLost?.(error, isFinal))
    if (isFinal) this.#turns.failed(error)
  }
}
