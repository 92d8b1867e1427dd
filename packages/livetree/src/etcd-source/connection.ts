import type { PatchUpdate, ReplaceUpdate, SourceConnection, SourceContext } from '@livetree/core/source'
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

export interface EtcdConnectionOptions {
  readonly client: EtcdClient
  /** The client was made for this source, and goes with it. */
  readonly isOwned: boolean
  readonly tree: ResolvedTree
  readonly overlays: Overlays
  readonly context: SourceContext
}

/** Of the time in which a source must have spoken, so that an answer may be late. */
const PROOFS_IN_STALE_TIME = 3
/** A server is not asked more often, in milliseconds. */
const LEAST_PROOF_MS = 50
/** Longer than the service's own interval, and short enough for a timer. */
const MAX_PROOF_MS = 3_600_000

/** What is handed over for a list that is whole. */
type Told = Change | WholeTree
type Change = Required<PatchUpdate>
type WholeTree = Pick<ReplaceUpdate, 'revision' | 'layers' | 'allowRemoval' | 'isKnown'>

/** The server reads through so many revisions of the whole store for us; of a longer past only the last permission is looked at. */
const MOST_REVISIONS = 100_000
/** So often the history is begun anew when a compaction takes it away while it is read. */
const MOST_ATTEMPTS = 5

/** Hands the sink what a reflector lists and follows: layers of leaves. */
export class EtcdConnection implements SourceConnection {
  readonly #options: EtcdConnectionOptions
  readonly #reflector: Reflector
  #listing: TreeListing
  #leaves: LayerLeaves
  /** What the list that is whole comes to: what happened since the tree that is known, then its own tree. */
  #told: readonly Told[] = []
  /** When the store last proved that nothing is missing, ms since the epoch. */
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
          this.#listing = new TreeListing(overlays)
        },
        onPage: (index, page) => {
          const layer = this.#listing.take(index, page)
          if (layer !== undefined) context.sink.prepare(layer, this.#listing.layers[layer]!)
        },
        onWhole: async (list) => {
          this.#told = await this.#toldOf(list)
        },
        onList: (list) => this.#takeList(list),
        onBatch: (batch) => this.#takeBatch(batch),
        onProgress: ({ at }) => this.#prove(at),
        // there is contact again; that nothing was missed is for the next progress to prove
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
   * What has happened since the tree that is known comes before the newest tree, so that the guard decides as in a process
   * that was there: a permission covers what its own write removed, or all that was gone by then, and nothing that went later.
   */
  async #toldOf(list: ReflectedList): Promise<readonly Told[]> {
    const { revision } = list
    const { allowedAt } = this.#listing
    const newest: WholeTree = { revision, layers: this.#listing.finish() }
    const since = await this.#knownRevision(list, newest.layers)
    if (since === undefined || since >= revision) return [newest]
    const isFar = revision - since > MOST_REVISIONS
    const past = isFar ? await this.#lastPermission(list, since) : await this.#historyOf(list, since)
    // Where nothing of it is left, a permission of this very revision is for all that is gone.
    return [...past, { ...newest, allowRemoval: past.length === 0 && allowedAt === revision }]
  }

  /** Every change after the known tree, or after the last compaction; none where that has taken them all. */
  async #historyOf(list: ReflectedList, since: number): Promise<readonly Told[]> {
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
        // A watch from the very revision of a compaction is not refused, and may leave out what that revision removed.
        from += 1
        continue
      }
      const { listing, tree } = first
      const changes = batches.map((batch) => this.#patchOf(batch, listing.leaves))
      if (from === since) return [{ ...tree, isKnown: true }, ...changes]
      // Written by the very revision that the history begins with, a permission is for what is gone in it.
      return [{ ...tree, allowRemoval: listing.allowedAt === from }, ...changes]
    }
    return []
  }

  /** The tree before the last permission and the tree with it. */
  async #lastPermission(list: ReflectedList, since: number): Promise<readonly Told[]> {
    const { allowedAt } = this.#listing
    if (allowedAt <= since) return []
    const before = allowedAt - 1 > since ? await this.#readTree(list, allowedAt - 1) : undefined
    const allowed = await this.#readTree(list, allowedAt)
    if (allowed === undefined) return []
    return [...(before === undefined ? [] : [before.tree]), { ...allowed.tree, allowRemoval: true }]
  }

  /** The tree of a revision; undefined where that is compacted. */
  async #readTree(list: ReflectedList, revision: number) {
    const listing = new TreeListing(this.#options.overlays)
    const isThere = await list.readPast(revision, (index, page) => listing.take(index, page))
    return isThere ? { listing, tree: { revision, layers: listing.finish() } } : undefined
  }

  /**
   * Up to where the present configuration is known, or the snapshot on disk if it was taken from this store. Undefined
   * also where the list has the very leaves of the snapshot.
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

  #takeList({ epoch, isResync, header, provenAt }: ReflectedList): void {
    const { overlays, context } = this.#options
    const told = this.#told
    this.#leaves = this.#listing.leaves
    // the watch from here lives long: nothing holds the leaves for it
    this.#listing = new TreeListing(overlays)
    this.#told = []
    this.#provenAt = provenAt
    const store = storeOf(header)
    for (const update of told) {
      if ('changes' in update) this.#tellPatch(update)
      else context.sink.replace({ epoch, store, provenAt, resync: isResync, ...update })
    }
  }

  #takeBatch(batch: WatchBatch): void {
    this.#tellPatch(this.#patchOf(batch, this.#leaves))
  }

  #tellPatch({ revision, changes, allowRemoval }: Change): void {
    const { context } = this.#options
    if (changes.length > 0 || allowRemoval) context.sink.patch({ revision, changes, allowRemoval })
  }

  /** All keys of one revision, as one patch; what concerns no layer is not in it. */
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

  /** Names the range that the user needs to be allowed to read. */
  #explained(error: EtcdError): EtcdError {
    if (error.code !== 'permission_denied') return error
    const { prefix } = this.#options.overlays
    return new EtcdError('permission_denied', {
      call: error.call,
      endpoint: error.endpoint,
      what: `the source ${this.#options.tree.name} reads and follows all keys that begin with ${prefix}, which the user may not: ${error.what}`,
      remedy: `Grant it to a role of the user: etcdctl role grant-permission <role> --prefix=true read '${prefix}'`,
      cause: error,
    })
  }
}

/** Names a store in the snapshot on disk. */
function storeOf({ clusterId }: ReflectedList['header']): string {
  return clusterId.toString(16)
}

function proofEvery(staleAfterMs: number | undefined): { proofEveryMs?: number } {
  if (staleAfterMs === undefined || !Number.isFinite(staleAfterMs)) return {}
  const wanted = Math.floor(staleAfterMs / PROOFS_IN_STALE_TIME)
  return { proofEveryMs: Math.min(Math.max(LEAST_PROOF_MS, wanted), MAX_PROOF_MS) }
}
