import type { SourceConnection, SourceContext } from '@livetree/core'
import {
  type EtcdClient,
  EtcdError,
  isFinalError,
  isSettingError,
  type WatchBatch,
  type Watcher,
} from '@livetree/etcd'
import { leafOf } from './leaf-of.ts'
import { type ListedTree, type ListOptions, listTree } from './list-tree.ts'
import type { ResolvedTree } from './options.ts'
import type { Overlays } from './overlays.ts'

export interface EtcdConnectionOptions {
  readonly client: EtcdClient
  /** The client was made for this source, and goes with it. */
  readonly isOwned: boolean
  readonly tree: ResolvedTree
  readonly overlays: Overlays
  readonly context: SourceContext
}

/** From where to watch, and whom. */
interface Position {
  readonly revision: number
  readonly clusterId: bigint
}

const RETRY_MS = { first: 100, most: 10_000, afterFinal: 30_000 } as const

/** Where a store stood at some moment. */
interface StorePosition {
  readonly revision: number
  readonly clusterId: bigint
}

/** Whether a linearizable answer cannot be from the store that stood there when it was asked for. */
function isOtherStore(known: StorePosition | undefined, answer: StorePosition): boolean {
  return known !== undefined && (known.clusterId !== answer.clusterId || answer.revision < known.revision)
}

/** List, watch from there, and list again whenever the watch cannot go on: one loop, one position, one writer. */
export class EtcdConnection implements SourceConnection {
  readonly #options: EtcdConnectionOptions
  readonly #closing = new AbortController()
  readonly #running: Promise<void>
  /** What the sink was given last; the next list is compared with it. */
  #known: { revision: number; clusterId: bigint; epoch: number } | undefined
  /** The watch saw that the store is another one; a list alone may not show it, once that store has caught up. */
  #isReplaced = false
  /** When the store last proved that nothing is missing, ms since the epoch. */
  #provenAt = 0
  #watcher: Watcher | undefined
  #waiting = new Set<() => void>()

  constructor(options: EtcdConnectionOptions) {
    this.#options = options
    this.#running = this.#run()
  }

  /**
   * Asks the cluster for its revision, linearizably, and waits for the watch to get there. When the watch has to begin
   * again on the way, the list it begins with is newer than that. Where another store answers than the one the watch is
   * on, the watch's position says nothing about it: its end, and the list after it, are waited for.
   */
  async refresh(signal: AbortSignal): Promise<void> {
    const { client, overlays } = this.#options
    const ended = AbortSignal.any([signal, this.#closing.signal])
    for (;;) {
      ended.throwIfAborted()
      const before = this.#known
      const { header } = await client.kv.getRange({
        key: overlays.allowRemovalKey,
        keysOnly: true,
        signal: ended,
      })
      if (isOtherStore(before, header)) {
        if (this.#known!.epoch === before!.epoch) await this.#nextWatcher(ended)
        continue
      }
      const watcher = this.#watcher ?? (await this.#nextWatcher(ended))
      try {
        await watcher.reached(header.revision, { signal: ended })
        return
      } catch (error) {
        if (ended.aborted || watcher === this.#watcher) throw error
      }
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#watcher?.cancel()
    await this.#running
    if (this.#options.isOwned) await this.#options.client.close()
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#closing.signal.aborted; ) {
      try {
        await this.#follow(await this.#list(), () => {
          failures = 0
        })
      } catch (error) {
        if (this.#closing.signal.aborted) return
        await this.#pause(this.#report(error) ? RETRY_MS.afterFinal : this.#retryMs(failures++))
      }
    }
  }

  /** Reads all layers and hands them over. Keeps no hold of them: the watch from there lives long. */
  async #list(): Promise<Position> {
    const { context } = this.#options
    const provenAt = context.clock.now()
    const isResync = this.#known !== undefined
    const listed = await this.#read({
      isCompared: isResync || context.earlier !== undefined,
      onLeaves: (layer, leaves) => context.sink.prepare(layer, leaves),
    })
    const { revision, clusterId, layers } = listed
    const store = clusterId.toString(16)
    const known = this.#known
    const isOther = known !== undefined && (this.#isReplaced || isOtherStore(known, listed))
    this.#isReplaced = false
    const epoch = known === undefined ? 0 : known.epoch + (isOther ? 1 : 0)
    const since = isOther ? undefined : (known ?? (await this.#earlier(store)))
    const { allowedAt } = listed
    const isAllowed = since !== undefined && allowedAt > since.revision
    const past: { revision: number; layers: ListedTree['layers']; allowRemoval: boolean }[] = []
    for (const at of isAllowed ? [allowedAt - 1, allowedAt] : []) {
      const trees = at > since!.revision && at < revision ? await this.#readPast(at) : undefined
      if (trees !== undefined) past.push({ revision: at, layers: trees, allowRemoval: at === allowedAt })
    }
    this.#closing.signal.throwIfAborted()
    this.#known = { revision, clusterId, epoch }
    if (isOther)
      context.logger.warn('etcd: another store answers now; starting a new epoch', { revision, epoch })
    this.#provenAt = provenAt
    const newest = { revision, layers, allowRemoval: isAllowed && allowedAt === revision }
    for (const each of [...past, newest])
      context.sink.replace({ epoch, store, provenAt, resync: isResync, ...each })
    return { revision, clusterId }
  }

  #read(options: Pick<ListOptions, 'isCompared' | 'onLeaves' | 'revision'>): Promise<ListedTree> {
    const { client, tree, overlays } = this.#options
    return listTree(client, {
      overlays,
      pageSize: tree.pageSize,
      signal: this.#closing.signal,
      onRetry: (error) => this.#report(error),
      ...options,
    })
  }

  /**
   * The tree as it was when a removal was allowed, or just before: what went later is not covered by the permission.
   * undefined where that is compacted; then it cannot be told what was meant, and nothing is allowed.
   */
  async #readPast(revision: number): Promise<ListedTree['layers'] | undefined> {
    try {
      return (await this.#read({ isCompared: false, onLeaves: () => {}, revision })).layers
    } catch (error) {
      if (error instanceof EtcdError && error.code === 'compacted') return undefined
      throw error
    }
  }

  /** Where the snapshot on disk left off, if it was taken from this store. */
  async #earlier(store: string): Promise<{ readonly revision: number } | undefined> {
    const earlier = await this.#options.context.earlier
    return earlier?.store === store ? earlier : undefined
  }

  /** Watches from after the list until the watch ends; returns when listing again is all it takes. */
  #follow({ revision, clusterId }: Position, onCreated: () => void): Promise<void> {
    const { client, overlays } = this.#options
    return new Promise((resolve, reject) => {
      const watcher = client.watch.subscribe(
        { prefix: overlays.prefix },
        {
          onEvents: (batch) => this.#take(batch),
          onProgress: ({ revision, at, isExact }) => {
            // an old server's word may come early: it shows that someone is there, and must not move the position
            if (isExact) this.#move(revision)
            this.#prove(at)
          },
          onCreated,
          // there is contact again; that nothing was missed is for the next progress to prove
          onResumed: () => this.#prove(this.#provenAt),
          onDisconnected: ({ error }) => {
            if (error !== undefined) this.#report(error)
          },
          onEnd: (error) => {
            this.#watcher = undefined
            this.#isReplaced ||= error?.code === 'cluster_changed'
            // the history is gone: list again. Another store is a failure like any other, lest two stores behind one
            // name be listed in turns without a pause
            if (error === undefined || error.code === 'compacted') resolve()
            else reject(error)
          },
        },
        { afterRevision: revision, clusterId, signal: this.#closing.signal },
      )
      if (watcher.state !== 'ended') this.#watcher = watcher
      for (const wake of this.#waiting) wake()
    })
  }

  /** All keys of one revision, as one patch. */
  #take(batch: WatchBatch): void {
    const { overlays, context } = this.#options
    this.#move(batch.revision)
    const changes = batch.events.flatMap((event) => leafOf(overlays, event))
    const allowRemoval = batch.events.some(
      ({ type, kv }) => type === 'put' && kv.key.toString() === overlays.allowRemovalKey,
    )
    if (changes.length > 0 || allowRemoval)
      context.sink.patch({ revision: batch.revision, changes, allowRemoval })
  }

  #prove(provenAt: number): void {
    this.#provenAt = provenAt
    this.#options.context.sink.alive({ revision: this.#known!.revision, provenAt })
  }

  #move(revision: number): void {
    const known = this.#known!
    if (revision > known.revision) this.#known = { ...known, revision }
  }

  /** Tells the sink; true when trying again soon cannot help. */
  #report(error: unknown): boolean {
    const isFinal = isFinalError(error) || isSettingError(error)
    const reason = error instanceof Error ? error : new Error(String(error))
    this.#options.context.sink.lost({ error: reason, isFinal })
    return isFinal
  }

  #retryMs(failures: number): number {
    const limit = Math.min(RETRY_MS.most, RETRY_MS.first * 2 ** failures)
    return limit / 2 + (Math.random() * limit) / 2
  }

  #pause(ms: number): Promise<void> {
    const { clock } = this.#options.context
    const { signal } = this.#closing
    return new Promise((resolve) => {
      const end = () => {
        clock.clearTimeout(timer)
        signal.removeEventListener('abort', end)
        resolve()
      }
      const timer = clock.setTimeout(end, ms)
      signal.addEventListener('abort', end)
    })
  }

  #nextWatcher(signal: AbortSignal): Promise<Watcher> {
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void) => {
        this.#waiting.delete(wake)
        signal.removeEventListener('abort', fail)
        finish()
      }
      const wake = () => {
        const watcher = this.#watcher
        if (watcher !== undefined) settle(() => resolve(watcher))
      }
      const fail = () => settle(() => reject(signal.reason))
      this.#waiting.add(wake)
      signal.addEventListener('abort', fail)
    })
  }
}
