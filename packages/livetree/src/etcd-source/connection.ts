import type { ReplaceUpdate, SourceConnection, SourceContext } from '@livetree/core/source'
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

/** A tree that is handed over as a whole. */
type WholeTree = Pick<ReplaceUpdate, 'revision' | 'layers' | 'allowRemoval'>

/** So many permissions that were given while nobody watched are gone back to; each costs two lists. */
const MOST_PERMISSIONS = 5

/** Hands the sink what a reflector lists and follows: layers of leaves. */
export class EtcdConnection implements SourceConnection {
  readonly #options: EtcdConnectionOptions
  readonly #reflector: Reflector
  #listing: TreeListing
  #leaves: LayerLeaves
  /** What the list that is whole comes to: trees of the past, where a removal was allowed, then its own. */
  #trees: readonly WholeTree[] = []
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
          this.#trees = await this.#treesOf(list)
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
   * Where a removal was allowed since the tree that is known, the trees from just before and from then come first: what
   * went later is not covered by the permission.
   */
  async #treesOf(list: ReflectedList): Promise<readonly WholeTree[]> {
    const { revision } = list
    const { allowedAt } = this.#listing
    const layers = this.#listing.finish()
    const since = await this.#knownRevision(list)
    const newest = {
      revision,
      layers,
      allowRemoval: since !== undefined && allowedAt > since && allowedAt === revision,
    }
    if (since === undefined || allowedAt <= since) return [newest]
    const trees: WholeTree[] = [newest]
    // From the newest permission back: the tree before each says when the one before that was given.
    for (let at = allowedAt, count = 0; at > since && count < MOST_PERMISSIONS; count++) {
      if (at < revision) await this.#addPast(list, at, trees, true)
      const before = at - 1 > since ? await this.#addPast(list, at - 1, trees, false) : undefined
      at = before !== undefined && before.allowedAt < at ? before.allowedAt : 0
    }
    return trees
  }

  /** Puts the tree of a revision first; does not where that is compacted: then it cannot be told what was meant, and nothing is allowed. */
  async #addPast(
    list: ReflectedList,
    revision: number,
    trees: WholeTree[],
    allowRemoval: boolean,
  ): Promise<TreeListing | undefined> {
    const listing = new TreeListing(this.#options.overlays)
    const isThere = await list.readPast(revision, (index, page) => listing.take(index, page))
    if (isThere) trees.unshift({ revision, layers: listing.finish(), allowRemoval })
    return isThere ? listing : undefined
  }

  /** Up to where the present configuration is known, or the snapshot on disk if it was taken from this store. */
  async #knownRevision({ isResync, knownRevision, header }: ReflectedList): Promise<number | undefined> {
    if (isResync) return knownRevision > 0 ? knownRevision : undefined
    const earlier = await this.#options.context.earlier
    return earlier?.store === storeOf(header) ? earlier.revision : undefined
  }

  #takeList({ epoch, isResync, header, provenAt }: ReflectedList): void {
    const { overlays, context } = this.#options
    const trees = this.#trees
    this.#leaves = this.#listing.leaves
    // the watch from here lives long: nothing holds the leaves for it
    this.#listing = new TreeListing(overlays)
    this.#trees = []
    this.#provenAt = provenAt
    const store = storeOf(header)
    for (const tree of trees) context.sink.replace({ epoch, store, provenAt, resync: isResync, ...tree })
  }

  /** All keys of one revision, as one patch. */
  #takeBatch({ revision, events }: WatchBatch): void {
    const { overlays, context } = this.#options
    const changes = events.flatMap((event) => this.#leaves.changesOf(event))
    const allowRemoval = events.some(
      ({ type, kv }) => type === 'put' && kv.key.toString() === overlays.allowRemovalKey,
    )
    if (changes.length > 0 || allowRemoval) context.sink.patch({ revision, changes, allowRemoval })
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
