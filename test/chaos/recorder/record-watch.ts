import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import {
  type EtcdClient,
  type EtcdError,
  type KeyRange,
  Namespace,
  type WatchBatch,
  type WatchContact,
  type WatchHandlers,
  type Watcher,
  type WatchOptions,
} from '@livetree/etcd'
import type { StoreEvent, WatchHistory, WatchRecord } from '../history.ts'
import { waitFor } from '../../support/wait-for.ts'
import { asText, storeEntry } from './as-text.ts'
import { EventPool } from './event-pool.ts'

/** Options of {@link recordWatch}. */
export interface RecordWatchOptions {
  /** Names the consumer in what the validators say. */
  readonly name: string
  readonly range: KeyRange
  /** Default false. */
  readonly prevKv?: boolean
  readonly only?: 'puts' | 'deletes'
  /** Where to begin, as the client takes it; at most one of them. Default: now. A slow reader lists first instead. */
  readonly afterRevision?: number
  readonly startRevision?: number
  /** Reads by `for await` and rests so long after each batch, so that the client's queue runs over. Default: by handler. */
  readonly slowMs?: number
  /** How many events the client keeps for a slow reader. Default 50, to run over soon. */
  readonly maxQueuedEvents?: number
  /** Where equal events are kept once; one for all that is recorded in a run. */
  readonly pool?: EventPool
}

/** A consumer that records all it is given, and lists and watches anew where the client says that it must. */
export interface RecordedWatch {
  readonly name: string
  /** The highest revision delivered to it, listed, or proven by exact progress, in the store it is on. */
  readonly known: number
  /** Events delivered so far. */
  readonly eventCount: number
  /** Waits until the client says that all up to this revision was delivered, through lists and new watches if need be. */
  reached(revision: number, options?: { readonly timeoutMs?: number }): Promise<void>
  /** What was recorded so far. */
  history(): WatchHistory
  /** Ends the watch. Nothing is recorded after it. */
  close(): Promise<void>
}

/** Starts to watch and to record. Throws what the client throws for wrong options. */
export const recordWatch = (client: EtcdClient, options: RecordWatchOptions): RecordedWatch =>
  new Consumer(client, options)

/** Where a watch begins, in the words of the client. */
type Start = Pick<WatchOptions, 'afterRevision' | 'startRevision' | 'clusterId'>

const pauseMs = 100

class Consumer implements RecordedWatch {
  readonly #client: EtcdClient
  readonly #options: RecordWatchOptions
  readonly #pool: EventPool
  readonly #records: WatchRecord[] = []
  readonly #closing = new AbortController()
  readonly #running: Promise<void>
  #watcher: Watcher | undefined
  #known = 0
  #isGuessed = false
  /** A slow reader has read all that is there for it; a handler always has. */
  #isIdle = true
  #eventCount = 0
  #completeUntil: number | undefined

  constructor(client: EtcdClient, options: RecordWatchOptions) {
    this.#client = client
    this.#options = options
    this.#pool = options.pool ?? new EventPool()
    const { afterRevision, startRevision, slowMs } = options
    const start: Start = {
      ...(afterRevision === undefined ? {} : { afterRevision }),
      ...(startRevision === undefined ? {} : { startRevision }),
    }
    this.#running = this.#run(slowMs === undefined ? start : undefined)
  }

  get name(): string {
    return this.#options.name
  }

  get known(): number {
    return this.#known
  }

  get eventCount(): number {
    return this.#eventCount
  }

  async reached(revision: number, { timeoutMs = 60_000 } = {}): Promise<void> {
    const what = `${this.name} to have all up to revision ${revision}, it is at ${this.#known}`
    const signal = AbortSignal.timeout(timeoutMs)
    await waitFor(
      async () => {
        await this.#watcher?.reached(revision, { signal })
        // what waits in the queue is read within this turn
        await turn()
        return this.#watcher !== undefined && this.#isIdle
      },
      { timeoutMs, what },
    )
    // an old server's word may come early, and a reader does not hear whether it did: nothing is claimed on it
    const isExact = this.#options.slowMs === undefined && !this.#isGuessed
    if (this.#known >= revision || isExact) this.#completeUntil = revision
  }

  history(): WatchHistory {
    const { name, range, only, prevKv = false } = this.#options
    const { key, rangeEnd } = new Namespace().range(range)
    const end = asText(Buffer.from(rangeEnd))
    return {
      name,
      key: asText(Buffer.from(key)),
      prevKv,
      ...(end === '' ? {} : { rangeEnd: end }),
      ...(only === undefined ? {} : { only }),
      ...(this.#completeUntil === undefined ? {} : { completeUntil: this.#completeUntil }),
      records: this.#records.slice(),
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#watcher?.cancel()
    await this.#running
  }

  /** Watches until closed; without a start, or where the history is gone, it lists first. */
  async #run(start: Start | undefined): Promise<void> {
    let next = start
    while (!this.#closing.signal.aborted) {
      try {
        next ??= await this.#list()
        const error = await (this.#options.slowMs === undefined ? this.#follow(next) : this.#read(next))
        if (this.#closing.signal.aborted) return
        this.#say({ type: 'ended', ...(error === undefined ? {} : { code: error.code }) })
        const isGone = error?.code === 'compacted' || error?.code === 'cluster_changed'
        next = isGone || this.#known === 0 ? undefined : { afterRevision: this.#known }
      } catch {
        // the list failed: the client has tried for long, and the store may be away for longer
      }
      await sleep(pauseMs, undefined, { signal: this.#closing.signal }).catch(() => undefined)
    }
  }

  async #list(): Promise<Start> {
    const { signal } = this.#closing
    const { header, entries } = await this.#client.kv.getRange({ ...this.#options.range, signal })
    const { revision, clusterId } = header
    this.#known = revision
    this.#say({
      type: 'listed',
      revision,
      clusterId: String(clusterId),
      entries: entries.map(({ keyBytes: key, ...entry }) => storeEntry({ key, ...entry })),
    })
    return { afterRevision: revision, clusterId }
  }

  /** By handler. Resolves with what ended the watch. */
  #follow(start: Start): Promise<EtcdError | undefined> {
    return new Promise((resolve, reject) => {
      let isCreated = false
      const onContact = ({ position, clusterId, endpoint, revision }: WatchContact) => {
        const place = { position, endpoint, revision }
        const created = { type: 'created', ...place, clusterId: String(clusterId) } as const
        this.#say(isCreated ? { type: 'resumed', ...place } : created)
        isCreated = true
        this.#known = Math.max(this.#known, position - 1)
      }
      const handlers: WatchHandlers = {
        onEvents: (batch) => this.#take(batch),
        onProgress: ({ revision, isExact }) => {
          this.#say({ type: 'progress', revision, isExact })
          this.#isGuessed = !isExact
          if (isExact) this.#known = Math.max(this.#known, revision)
        },
        onCreated: onContact,
        onResumed: onContact,
        onDisconnected: ({ error }) =>
          this.#say({ type: 'disconnected', ...(error === undefined ? {} : { code: error.code }) }),
        onCompacted: (info) => this.#say({ type: 'compacted', ...info }),
        onClusterChanged: ({ reason }) => this.#say({ type: 'clusterChanged', reason }),
        onEnd: (error) => {
          this.#watcher = undefined
          resolve(error)
        },
      }
      try {
        this.#watcher = this.#client.watch.subscribe(this.#options.range, handlers, this.#asked(start))
      } catch (error) {
        reject(error)
      }
    })
  }

  /** By `for await`, slowly. It hears of nothing but changes and the end. */
  async #read(start: Start): Promise<EtcdError | undefined> {
    const { range, slowMs, maxQueuedEvents = 50 } = this.#options
    const reader = this.#client.watch.watch(range, { ...this.#asked(start), maxQueuedEvents })
    this.#watcher = reader.watcher
    const { afterRevision, clusterId = '' } = start
    this.#say({ type: 'created', position: afterRevision! + 1, clusterId: String(clusterId), endpoint: '' })
    try {
      for await (const batch of reader) {
        this.#isIdle = false
        this.#take(batch)
        await sleep(slowMs, undefined, { signal: this.#closing.signal })
        this.#isIdle = true
      }
      return undefined
    } catch (error) {
      const ending = error as EtcdError
      if (ending.code === 'compacted') {
        const { compactRevision = 0 } = ending
        this.#say({ type: 'compacted', compactRevision, position: this.#known + 1 })
      }
      if (ending.code === 'cluster_changed') this.#say({ type: 'clusterChanged', reason: ending.what })
      return ending
    } finally {
      this.#watcher = undefined
      this.#isIdle = true
    }
  }

  #asked(start: Start): WatchOptions {
    const { only, prevKv = false } = this.#options
    return { ...start, prevKv, ...(only === undefined ? {} : { only }) }
  }

  #take({ revision, events }: WatchBatch): void {
    const changes = events.map(({ type, kv, prevKv }): StoreEvent => {
      const previous = prevKv === undefined ? {} : { previous: storeEntry(prevKv) }
      return type === 'delete'
        ? { type, key: asText(kv.key), modRevision: kv.modRevision, ...previous }
        : { type, ...storeEntry(kv), ...previous }
    })
    this.#known = Math.max(this.#known, revision)
    this.#eventCount += changes.length
    this.#say(this.#pool.record(revision, changes))
  }

  #say(record: WatchRecord): void {
    if (!this.#closing.signal.aborted) this.#records.push(record)
  }
}
