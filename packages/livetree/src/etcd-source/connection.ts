import type {
  KeyWrite,
  PatchUpdate,
  RemovalPermission,
  ReplaceUpdate,
  SourceConnection,
  SourceContext,
  TreeReplacement,
} from '@livetree/core/source'
import {
  type EtcdClient,
  EtcdError,
  type ReflectedList,
  type Reflector,
  type WatchBatch,
} from '@livetree/etcd'
import { deniedRead } from './denied-read.ts'
import type { LayerLeaves } from './layer-leaves.ts'
import { proofEvery } from './proof-interval.ts'
import { followShared } from './shared-reflector.ts'
import type { TreeLayers } from './tree-layers.ts'
import { rangesOf, TreeListing } from './tree-listing.ts'

/** Options of `EtcdConnection`. */
export interface EtcdConnectionOptions {
  readonly client: EtcdClient
  /** Called when the connection is closed: it needs the client no more. */
  release(): Promise<void>
  /** The source's name, for messages. */
  readonly name: string
  readonly tree: TreeLayers
  /** Number of keys per page while listing; undefined: the reflector's default. */
  readonly pageSize: number | undefined
  readonly context: SourceContext
}

/** One update for the sink. */
type Update = Change | WholeTree
type Change = Required<PatchUpdate>
type WholeTree = Pick<ReplaceUpdate, 'revision' | 'layers' | 'allowRemoval' | 'isKnown'>

/** What happened between the known tree and a completed list. */
interface History {
  readonly updates: readonly Update[]
  /** See `ReplaceUpdate.allowRemoval`; for the completed list. */
  readonly allowRemoval?: RemovalPermission
}
const NO_HISTORY: History = { updates: [] }

/** At most this many revisions of history are read; of a longer history only the last removal permission is considered. */
const MOST_REVISIONS = 100_000
/** How often reading the history is retried after a compaction has removed a part of it. */
const MOST_ATTEMPTS = 5

/** Converts what a reflector lists and follows into layers of leaves, and passes them to the sink. */
export class EtcdConnection implements SourceConnection {
  readonly #options: EtcdConnectionOptions
  readonly #reflector: Reflector
  #listing: TreeListing
  /** Receives the list that is being read. */
  #replacement: TreeReplacement | undefined = undefined
  #leaves: LayerLeaves
  #history: History = NO_HISTORY
  /** When the store last proved that nothing is missing, in ms since the Unix epoch. */
  #provenAt = 0

  constructor(options: EtcdConnectionOptions) {
    this.#options = options
    const { client, tree, pageSize, context } = options
    const { logger } = context
    this.#listing = new TreeListing(tree)
    this.#leaves = this.#listing.leaves
    this.#reflector = followShared(client, {
      ranges: rangesOf(tree),
      logger,
      handlers: {
        onListing: () => {
          this.#replacement?.abandon()
          this.#replacement = context.sink.beginReplace()
          this.#listing = new TreeListing(tree, this.#replacement)
        },
        onPage: (index, page) => this.#listing.take(index, page),
        onWhole: async (list) => {
          this.#history = await this.#historyBefore(list, this.#listing.finish())
        },
        onList: (list) => this.#takeList(list),
        onBatch: (batch) => this.#takeBatch(batch),
        onProgress: ({ at }) => this.#prove(at),
        // Connected again, but only the next progress notification proves that nothing was missed.
        onContact: () => this.#prove(this.#provenAt),
        onLost: (error, isFinal) => {
          if (error !== undefined) context.sink.lost({ error: deniedRead(error, options), isFinal })
        },
        onEnd: (error) => {
          if (error !== undefined) context.sink.lost({ error, isFinal: true })
        },
      },
      options: { ...(pageSize === undefined ? {} : { pageSize }), ...proofEvery(context.staleAfterMs) },
    })
  }

  patchOf(writes: readonly KeyWrite[]): Omit<Change, 'revision'> {
    const { tree } = this.#options
    const leaves = this.#leaves.copy()
    const changes = writes.flatMap(({ key, value }) => leaves.changesAt(Buffer.from(key), value, 0))
    const put = new Set(writes.flatMap(({ key, value }) => (value === undefined ? [] : [key])))
    const allowRemoval = tree.permissionOf((index) => put.has(tree.removalKeys[index] ?? ''))
    return { changes, allowRemoval }
  }

  async refresh(signal: AbortSignal): Promise<void> {
    try {
      await this.#reflector.refresh({ signal })
    } catch (error) {
      throw error instanceof EtcdError ? deniedRead(error, this.#options) : error
    }
  }

  async close(): Promise<void> {
    this.#reflector.cancel()
    await this.#options.release()
  }

  /**
   * Puts the changes since the known tree before the newest tree, so that the guard decides as in a process that was
   * running: a permission covers what its own transaction removed, or everything removed until then, and nothing later.
   */
  async #historyBefore(list: ReflectedList, listing: TreeListing): Promise<History> {
    const { revision } = list
    const since = await this.#knownRevision(list, listing)
    if (since === undefined || since >= revision || !(await this.#isOfSnapshot(list))) return NO_HISTORY
    const isFar = revision - since > MOST_REVISIONS
    const updates = isFar ? await this.#lastPermissions(list, since) : await this.#historyOf(list, since)
    // Without any history, a permission written by this revision covers every removal so far.
    return { updates, allowRemoval: updates.length === 0 && this.#permissionAt(listing, revision) }
  }

  /** Every change after the known tree, or after the last compaction; empty if the whole history is compacted. */
  async #historyOf(list: ReflectedList, since: number): Promise<readonly Update[]> {
    let from = since
    for (let attempts = 0; attempts < MOST_ATTEMPTS && from < list.revision; attempts++) {
      const batches: WatchBatch[] = []
      const begin = await list.readHistory(from, (batch) => batches.push(batch))
      if (begin !== undefined) {
        from = Math.max(begin, from)
        continue
      }
      const first = await this.#readTree(list, from)
      if (first === undefined) {
        // A watch from the compacted revision itself is accepted, but may omit what that revision removed.
        from += 1
        continue
      }
      const { listing, tree } = first
      const changes = batches.map((batch) => this.#patchOf(batch, listing.leaves))
      if (from === since) return [{ ...tree, isKnown: true }, ...changes]
      // A permission written by the first revision of the history covers what is missing in that revision.
      return [{ ...tree, allowRemoval: this.#permissionAt(listing, from) }, ...changes]
    }
    return []
  }

  /** For each removal key that was put: the tree before that was done last, and the tree with it. */
  async #lastPermissions(list: ReflectedList, since: number): Promise<readonly Update[]> {
    const updates: Update[] = []
    let last = since
    for (const at of [...new Set(this.#listing.allowedAt)].sort((a, b) => a - b)) {
      if (at <= since) continue
      const before = at - 1 > last ? await this.#readTree(list, at - 1) : undefined
      const allowed = await this.#readTree(list, at)
      if (allowed === undefined) continue
      if (before !== undefined) updates.push(before.tree)
      updates.push({ ...allowed.tree, allowRemoval: this.#permissionAt(allowed.listing, at) })
      last = at
    }
    return updates
  }

  /** The layers for which a removal key of a listed tree was put by this very revision. */
  #permissionAt({ allowedAt }: TreeListing, revision: number): RemovalPermission {
    return this.#options.tree.permissionOf((key) => allowedAt[key] === revision)
  }

  /** Reads the tree at a revision; undefined if that is compacted. */
  async #readTree(list: ReflectedList, revision: number) {
    const listing = new TreeListing(this.#options.tree)
    const isThere = await list.readPast(revision, (index, page) => listing.take(index, page))
    return isThere ? { listing, tree: { revision, layers: listing.finish().layers } } : undefined
  }

  /**
   * The revision of the current configuration, or of the snapshot on disk if it was taken from this store. Undefined if
   * there is neither, or if the list contains the same leaves as the snapshot.
   */
  async #knownRevision(
    { isResync, knownRevision, header }: ReflectedList,
    listing: TreeListing,
  ): Promise<number | undefined> {
    if (isResync) return knownRevision > 0 ? knownRevision : undefined
    const earlier = await this.#options.context.earlier
    if (earlier === undefined || earlier.store !== storeOf(header)) return undefined
    return earlier.isSameAs(listing.layers) ? undefined : earlier.revision
  }

  /**
   * False if the store held another tree when the snapshot on disk was accepted: it is another one with the same id, and what
   * its history permits says nothing of the snapshot. While this process runs, the reflector recognizes the store.
   */
  async #isOfSnapshot(list: ReflectedList): Promise<boolean> {
    const earlier = list.isResync ? undefined : await this.#options.context.earlier
    if (earlier === undefined) return true
    const accepted = await this.#readTree(list, earlier.acceptedAt)
    return accepted === undefined || earlier.isAccepted(accepted.tree.layers)
  }

  #takeList({ revision, epoch, isResync, header, provenAt }: ReflectedList): void {
    const { tree, context } = this.#options
    const { updates, ...permission } = this.#history
    const replacement = this.#replacement
    this.#leaves = this.#listing.leaves
    // The watch may run for a long time, so the listed leaves are released.
    if (!isResync) this.#warnOfNothing(this.#listing)
    this.#listing = new TreeListing(tree)
    this.#replacement = undefined
    this.#history = NO_HISTORY
    this.#provenAt = provenAt
    const place = { epoch, store: storeOf(header), provenAt, resync: isResync }
    for (const update of updates) {
      if ('changes' in update) this.#sendPatch(update)
      else context.sink.replace({ ...place, ...update })
    }
    replacement?.commit({ ...place, revision, ...permission })
  }

  #takeBatch(batch: WatchBatch): void {
    this.#sendPatch(this.#patchOf(batch, this.#leaves))
  }

  #sendPatch({ revision, changes, allowRemoval }: Change): void {
    const { context } = this.#options
    if (changes.length > 0 || allowRemoval !== false) context.sink.patch({ revision, changes, allowRemoval })
  }

  /** Converts all events of one revision into one patch, without keys that belong to no layer. */
  #patchOf({ revision, events, isUndone = false }: WatchBatch, leaves: LayerLeaves): Change {
    const { tree } = this.#options
    // Nothing is left of keys that came and went, except what a removal key has allowed.
    const changes = isUndone ? [] : events.flatMap((event) => leaves.changesOf(event))
    const isPut = (key: Buffer) => events.some(({ type, kv }) => type === 'put' && kv.key.equals(key))
    const put = tree.removalBytes.map(isPut)
    const allowRemoval = tree.permissionOf((key) => put[key] === true)
    return { revision, changes, allowRemoval }
  }

  #prove(provenAt: number): void {
    this.#provenAt = provenAt
    this.#options.context.sink.alive({ revision: this.#reflector.revision, provenAt })
  }

  /** A misspelt directory is not found, like an empty one, and the schema may have a default for everything in it. */
  #warnOfNothing(listing: TreeListing): void {
    const { name, tree, context } = this.#options
    for (const { directory, layers: own } of tree.plan.expected) {
      if (!own.every((layer) => listing.isEmpty(layer))) continue
      const isRoot = tree.documents.length > 0
      const stored = tree.storeKey(directory)
      const what = isRoot
        ? 'none of its overlays holds a key'
        : `there is no key (a document of all of it stands at ${stored}, with the slash)`
      const remedy = tree.plan.follow.length > 1 ? ', or say optional: true if it may hold nothing' : ''
      context.logger.warn(
        `The source ${name} reads the keys below ${stored}, and ${what}. Check how it is spelt${remedy}`,
        { source: name, directory: stored },
      )
    }
  }
}

/** The identifier of a store in the snapshot on disk. */
function storeOf({ clusterId }: ReflectedList['header']): string {
  return clusterId.toString(16)
}
