import type {
  PatchUpdate,
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
import type { LayerLeaves } from './layer-leaves.ts'
import type { ResolvedTree } from './options.ts'
import type { Overlays } from './overlays.ts'
import { rangesOf, TreeListing } from './tree-listing.ts'

/** Options of `EtcdConnection`. */
export interface EtcdConnectionOptions {
  readonly client: EtcdClient
  /** Whether the client was created for this source, and is closed with it. */
  readonly isOwned: boolean
  readonly tree: ResolvedTree
  readonly overlays: Overlays
  readonly context: SourceContext
}

/** Proofs requested within `staleAfterMs`, so that one or two may be late. */
const PROOFS_IN_STALE_TIME = 3
/** Shortest interval between two progress requests, in milliseconds. */
const LEAST_PROOF_MS = 50
/** Longest interval, in milliseconds: longer than the watch service's own, and short enough for a timer. */
const MAX_PROOF_MS = 3_600_000

/** One update for the sink. */
type Update = Change | WholeTree
type Change = Required<PatchUpdate>
type WholeTree = Pick<ReplaceUpdate, 'revision' | 'layers' | 'allowRemoval' | 'isKnown'>

/** What happened between the known tree and a completed list. */
interface History {
  readonly updates: readonly Update[]
  /** See `ReplaceUpdate.allowRemoval`; for the completed list. */
  readonly allowRemoval?: boolean
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
    const { client, tree, overlays, context } = options
    this.#listing = new TreeListing(overlays)
    this.#leaves = this.#listing.leaves
    this.#reflector = client.watch.reflect(
      rangesOf(overlays),
      {
        onListing: () => {
          this.#replacement?.abandon()
          this.#replacement = context.sink.beginReplace()
          this.#listing = new TreeListing(overlays, this.#replacement)
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
          if (error !== undefined) context.sink.lost({ error: this.#explained(error), isFinal })
        },
      },
      {
        ...(tree.pageSize === undefined ? {} : { pageSize: tree.pageSize }),
        ...proofEvery(context.staleAfterMs),
      },
    )
  }

  refresh(signal: AbortSignal): Promise<void> {
    return this.#reflector.refresh({ signal })
  }

  async close(): Promise<void> {
    this.#reflector.cancel()
    if (this.#options.isOwned) await this.#options.client.close()
  }

  /**
   * Puts the changes since the known tree before the newest tree, so that the guard decides as in a process that was
   * running: a permission covers what its own transaction removed, or everything removed until then, and nothing later.
   */
  async #historyBefore(list: ReflectedList, layers: ReplaceUpdate['layers']): Promise<History> {
    const { revision } = list
    const { allowedAt } = this.#listing
    const since = await this.#knownRevision(list, layers)
    if (since === undefined || since >= revision) return NO_HISTORY
    const isFar = revision - since > MOST_REVISIONS
    const updates = isFar ? await this.#lastPermission(list, since) : await this.#historyOf(list, since)
    // Without any history, a permission written by this revision covers every removal so far.
    return { updates, allowRemoval: updates.length === 0 && allowedAt === revision }
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
      return [{ ...tree, allowRemoval: listing.allowedAt === from }, ...changes]
    }
    return []
  }

  /** The tree before the last removal permission and the tree with it. */
  async #lastPermission(list: ReflectedList, since: number): Promise<readonly Update[]> {
    const { allowedAt } = this.#listing
    if (allowedAt <= since) return []
    const before = allowedAt - 1 > since ? await this.#readTree(list, allowedAt - 1) : undefined
    const allowed = await this.#readTree(list, allowedAt)
    if (allowed === undefined) return []
    return [...(before === undefined ? [] : [before.tree]), { ...allowed.tree, allowRemoval: true }]
  }

  /** Reads the tree at a revision; undefined if that is compacted. */
  async #readTree(list: ReflectedList, revision: number) {
    const listing = new TreeListing(this.#options.overlays)
    const isThere = await list.readPast(revision, (index, page) => listing.take(index, page))
    return isThere ? { listing, tree: { revision, layers: listing.finish() } } : undefined
  }

  /**
   * The revision of the current configuration, or of the snapshot on disk if it was taken from this store. Undefined if
   * there is neither, or if the list contains the same leaves as the snapshot.
   */
  async #knownRevision(
    { isResync, knownRevision, header }: ReflectedList,
    layers: ReplaceUpdate['layers'],
  ): Promise<number | undefined> {
    if (isResync) return knownRevision > 0 ? knownRevision : undefined
    const earlier = await this.#options.context.earlier
    if (earlier === undefined || earlier.store !== storeOf(header)) return undefined
    return earlier.isSameAs(layers) ? undefined : earlier.revision
  }

  #takeList({ revision, epoch, isResync, header, provenAt }: ReflectedList): void {
    const { overlays, context } = this.#options
    const { updates, ...permission } = this.#history
    const replacement = this.#replacement
    this.#leaves = this.#listing.leaves
    // The watch may run for a long time, so the listed leaves are released.
    this.#listing = new TreeListing(overlays)
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
    if (changes.length > 0 || allowRemoval) context.sink.patch({ revision, changes, allowRemoval })
  }

  /** Converts all events of one revision into one patch, without keys that belong to no layer. */
  #patchOf({ revision, events }: WatchBatch, leaves: LayerLeaves): Change {
    const { overlays } = this.#options
    const changes = events.flatMap((event) => leaves.changesOf(event))
    const allowRemoval = events.some(
      ({ type, kv }) => type === 'put' && kv.key.toString() === overlays.allowRemovalKey,
    )
    return { revision, changes, allowRemoval }
  }

  #prove(provenAt: number): void {
    this.#provenAt = provenAt
    this.#options.context.sink.alive({ revision: this.#reflector.revision, provenAt })
  }

  /** Adds the key range that the etcd user needs to read to a `permission_denied` error. */
  #explained(error: EtcdError): EtcdError {
    if (error.code !== 'permission_denied') return error
    const { prefix } = this.#options.overlays
    return new EtcdError('permission_denied', {
      call: error.call,
      endpoint: error.endpoint,
      what: `the source ${this.#options.tree.name} reads and watches all keys that begin with ${prefix}, which the user is not allowed to: ${error.what}`,
      remedy: `Grant it to a role of the user: etcdctl role grant-permission <role> --prefix=true read '${prefix}'`,
      cause: error,
    })
  }
}

/** The identifier of a store in the snapshot on disk. */
function storeOf({ clusterId }: ReflectedList['header']): string {
  return clusterId.toString(16)
}

function proofEvery(staleAfterMs: number | undefined): { proofEveryMs?: number } {
  if (staleAfterMs === undefined || !Number.isFinite(staleAfterMs)) return {}
  const wanted = Math.floor(staleAfterMs / PROOFS_IN_STALE_TIME)
  return { proofEveryMs: Math.min(Math.max(LEAST_PROOF_MS, wanted), MAX_PROOF_MS) }
}
