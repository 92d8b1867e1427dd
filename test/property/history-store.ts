import type { EtcdClient, ListedPage, ReflectedList, ReflectorHandlers } from '@livetree/etcd'
import type { Source } from '../../packages/core/src/source/source.ts'
import { WatchEvent } from '../../packages/etcd/src/watch/watch-handlers.ts'
import { EtcdConnection } from '../../packages/livetree/src/etcd-source/connection.ts'
import { rangesOf } from '../../packages/livetree/src/etcd-source/tree-listing.ts'
import { TreeLayers } from '../../packages/livetree/src/etcd-source/tree-layers.ts'
import { planOfRoot } from '../../packages/livetree/src/etcd-source/tree-plan.ts'

const ROOT = '/app'
const HEADER = { clusterId: 7n, memberId: 1n, revision: 0, raftTerm: 2 }

/** What one revision wrote: texts by key, undefined for a key that it deleted. */
type Revision = ReadonlyMap<string, string | undefined>
type Entry = ReturnType<typeof kvOf>

/** A store with a history, and the etcd source on it: lists, watches and the past, without a server. */
export class HistoryStore {
  readonly overlays = new TreeLayers(planOfRoot(ROOT, ['base', 'prod']))
  readonly #history: Revision[] = []
  readonly #followers = new Set<(revision: number) => void>()
  /** Earlier revisions cannot be read. */
  compactedAt = 0

  get revision(): number {
    return this.#history.length
  }

  /** Writes at the next revision, and tells all who are connected. */
  write(keys: Iterable<readonly [string, string | undefined]>): void {
    const there = this.#at(this.revision)
    const wanted = [...new Map(keys)].filter(([key, text]) => text !== undefined || there.has(key))
    if (wanted.length === 0) return
    this.#history.push(new Map(wanted))
    for (const follow of this.#followers) follow(this.revision)
  }

  /** The keys below an overlay. */
  keysOf(overlay: 'base' | 'prod'): string[] {
    const prefix = `${ROOT}/${overlay}/`
    return [...this.#at(this.revision).keys()].filter((key) => key.startsWith(prefix))
  }

  /** The keys below the overlays, each with the revision that wrote it. */
  written(): string[] {
    const tree = [...this.#at(this.revision)].filter(([key]) => !key.includes('/.livetree/'))
    return tree.map(([key, { modRevision }]) => `${key} ${modRevision}`).sort()
  }

  /** A source of one process. */
  source(): StoreSource {
    let handlers: ReflectorHandlers | undefined
    let known = 0
    const follow = (revision: number) => {
      handlers!.onBatch({ revision, header: HEADER, events: this.#eventsOf(revision) })
      known = revision
    }
    const list = async (isResync: boolean) => {
      const revision = this.revision
      handlers!.onListing!()
      this.#pages(revision, handlers!.onPage)
      const listed = this.#listed(revision, isResync ? known : 0)
      await handlers!.onWhole!(listed)
      handlers!.onList(listed)
      for (known = revision; known < this.revision; ) follow(known + 1)
      this.#followers.add(follow)
    }
    return {
      name: 'etcd',
      layers: this.overlays.layers,
      isRemote: true,
      removalCommand: `etcdctl put ${this.overlays.removalKeys[0]} yes`,
      isAway: false,
      open(context) {
        const reflect = (_ranges: unknown, given: ReflectorHandlers) => {
          handlers = given
          if (this.isAway)
            queueMicrotask(() => context.sink.lost({ error: new Error('away'), isFinal: true }))
          // As a client does, it calls nothing before it has returned.
          else queueMicrotask(() => void list(false))
          return { revision: 0, epoch: 0, refresh: async () => {}, cancel: () => {} }
        }
        return new EtcdConnection({
          client: { watch: { reflect } } as unknown as EtcdClient,
          release: async () => {},
          name: 'etcd',
          tree: new TreeLayers(planOfRoot(ROOT, ['base', 'prod'])),
          pageSize: undefined,
          context,
        })
      },
      cut: () => void this.#followers.delete(follow),
      connect: async () => {
        this.#followers.delete(follow)
        if (known === 0) return list(false)
        // A watch goes on where it was, as long as it can.
        if (known < this.compactedAt) return list(true)
        while (known < this.revision) follow(known + 1)
        this.#followers.add(follow)
      },
    }
  }

  #listed(revision: number, knownRevision: number): ReflectedList {
    return {
      revision,
      epoch: 0,
      isResync: knownRevision > 0,
      knownRevision,
      header: HEADER,
      provenAt: 0,
      readPast: async (past, onPage) => {
        if (past < this.compactedAt) return false
        this.#pages(past, onPage)
        return true
      },
      readHistory: async (after, onBatch) => {
        if (after + 1 < this.compactedAt) return this.compactedAt
        for (let at = after + 1; at <= revision; at++) {
          const events = this.#eventsOf(at)
          // As old servers do, for a watch from the very revision of a compaction.
          const left = at === this.compactedAt ? events.filter(({ type }) => type === 'put') : events
          if (left.length > 0) onBatch({ revision: at, header: HEADER, events: left })
        }
        return undefined
      },
    }
  }

  #eventsOf(revision: number): WatchEvent[] {
    return [...this.#history[revision - 1]!].map(
      ([key, text]) =>
        new WatchEvent(text === undefined ? 'delete' : 'put', kvOf(key, text ?? '', revision), undefined),
    )
  }

  #at(revision: number): Map<string, Entry> {
    const tree = new Map<string, Entry>()
    for (const [index, written] of this.#history.slice(0, revision).entries()) {
      for (const [key, text] of written) {
        if (text === undefined) tree.delete(key)
        else tree.set(key, kvOf(key, text, index + 1))
      }
    }
    return tree
  }

  #pages(revision: number, onPage: ReflectorHandlers['onPage']): void {
    const tree = this.#at(revision)
    const { ranges, keys } = rangesOf(this.overlays)
    for (const [index, { prefix }] of ranges.entries()) {
      const entries = [...tree].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1))
      onPage(
        index,
        pageOf(
          entries.map(([, entry]) => entry),
          prefix.length,
        ),
      )
    }
    for (const [index, key] of keys.entries()) {
      const entry = tree.get(key)
      onPage(ranges.length + index, pageOf(entry === undefined ? [] : [entry]))
    }
  }
}

export interface StoreSource extends Source {
  /** Set before it is opened: the store cannot be reached. */
  isAway: boolean
  /** The connection is lost; it hears of nothing. */
  cut(): void
  /** There is a connection, for the first time or again. */
  connect(): Promise<void>
}

function kvOf(key: string, text: string, modRevision: number) {
  const bytes = { key: Buffer.from(key), value: Buffer.from(text) }
  return { ...bytes, modRevision, createRevision: modRevision, version: 1, lease: 0n }
}

function pageOf(entries: readonly Entry[], skip = 0): ListedPage {
  return {
    length: entries.length,
    texts: () => ({
      header: HEADER,
      revision: 0,
      keys: entries.map(({ key }) => key.toString().slice(skip)),
      values: entries.map(({ value }) => value.toString()),
      modRevisions: entries.map(({ modRevision }) => modRevision),
      notText: [],
    }),
    entries: () => [...entries],
  }
}
