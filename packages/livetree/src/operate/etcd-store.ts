import { isUtf8 } from 'node:buffer'
import {
  type Clock,
  keyBytes,
  keyText,
  type LayerInfo,
  type Logger,
  type Leaf,
  type Source,
} from '@livetree/core/source'
import {
  checkClientOptions,
  copyClientOptions,
  createEtcdClient,
  type EtcdClient,
  type EtcdClientOptions,
  EtcdError,
  type ListedPage,
  type ScanPage,
} from '@livetree/etcd'
import {
  type EtcdLayersOptions,
  type EtcdRootOptions,
  type ResolvedSource,
  resolveTree,
} from '../etcd-source/options.ts'
import { type ClientUse, newClient, useClient } from '../etcd-source/shared-client.ts'
import type { TreeLayers } from '../etcd-source/tree-layers.ts'
import { TreeListing } from '../etcd-source/tree-listing.ts'
import { isReserved } from '../etcd-source/tree-plan.ts'

/** A key as it was read. */
export interface StoreEntry {
  /** As text; `keyBytes` gives the key itself, also where that is not UTF-8. */
  readonly key: string
  /** Bytes where it is not UTF-8. */
  readonly value: string | Buffer
  readonly modRevision: number
}

/** Every key of a store's layers at one revision, by its name. */
export interface StoreReading {
  readonly revision: number
  readonly clusterId: bigint
  readonly entries: ReadonlyMap<string, StoreEntry>
}

/** Options of `EtcdStore.read`. */
export interface StoreReadOptions {
  /** Default: the newest. */
  readonly revision?: number | undefined
  /** Milliseconds for the whole reading. Default: the client's limit for each of its pages. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Fail with `cluster_changed` if another cluster answers. */
  readonly clusterId?: bigint | undefined
}

/** A client, and whether whoever asked for it has to close it. */
export interface StoreClient {
  readonly client: EtcdClient
  readonly isOwned: boolean
}

/** Options of the client that stand in for those of a source. */
export type ClientOverrides = Pick<EtcdClientOptions, 'endpoints' | 'tls' | 'auth'>

/** How often a reading begins again because its revision was compacted meanwhile. */
const MOST_ATTEMPTS = 5

/** What a source of `etcd()` reads: its layers, and how to connect. */
export class EtcdStore {
  readonly layers: readonly LayerInfo[]
  /** The directories of the layers, each once. They end in `/`. */
  readonly prefixes: readonly string[]
  /** Keys besides those of the directories: documents of whole overlays. */
  readonly documentKeys: readonly string[]
  /** The keys by which mass removals are allowed, each with the layers, by index, that it is for. */
  readonly removalKeys: readonly { readonly key: string; readonly layers: readonly number[] }[]
  readonly #tree: TreeLayers
  readonly #source: ResolvedSource
  readonly #sourceOf: (resolved: ResolvedSource) => Source

  constructor(tree: TreeLayers, source: ResolvedSource, sourceOf: (resolved: ResolvedSource) => Source) {
    this.#tree = tree
    this.#source = source
    this.#sourceOf = sourceOf
    this.layers = tree.layers
    this.prefixes = tree.prefixes
    this.documentKeys = tree.documents.map(({ key }) => key)
    this.removalKeys = tree.plan.removalKeys
  }

  /** The client of the source, or one with its options and these. */
  connect(options: Pick<EtcdClientOptions, 'clock' | 'logger' | 'limits'> = {}): StoreClient {
    const { client, clientOptions } = this.#source
    if (client !== undefined) return { client, isOwned: false }
    const limits = { ...clientOptions.limits, ...options.limits }
    return { client: createEtcdClient({ ...clientOptions, ...options, limits }), isOwned: true }
  }

  /** The client that a source of these options shares in this process, or its own; to be released. */
  use(clock: Clock, logger: Logger): ClientUse {
    const { client, ownClient, clientOptions } = this.#source
    if (client !== undefined) return { client, release: async () => {} }
    return ownClient ? newClient(clientOptions, clock, logger) : useClient(clientOptions, clock, logger)
  }

  /**
   * A source like the one behind this store with some options replaced, such as the endpoints, or with another tree: for
   * tools that take these from their user. A client that the source was given gives way to one with these options.
   *
   * @throws LivetreeError `invalid_options` for options of the tree; EtcdError `invalid_option` for options of the client
   */
  sourceWith(client: ClientOverrides, tree?: EtcdRootOptions | EtcdLayersOptions): Source {
    const { namespace } = this.#source
    const clientOptions = copyClientOptions({
      ...(namespace !== '' && { namespace: keyBytes(namespace) }),
      ...this.#source.clientOptions,
      ...client,
    })
    checkClientOptions(clientOptions)
    const plan = tree === undefined ? this.#source.plan : resolveTree(tree)
    return this.#sourceOf({ ...this.#source, plan, client: undefined, ownClient: false, clientOptions })
  }

  /**
   * The names of the layers below one root, as the option `overlays` has them; none where the root itself is the only layer.
   * Undefined: layers anywhere in the store.
   */
  get overlays(): readonly string[] | undefined {
    const { follow, layers } = this.#source.plan
    const [root, ...others] = follow
    if (root === undefined || others.length > 0) return undefined
    const isBelow = layers.every(
      ({ keyPrefix, documentKey }) => documentKey !== undefined || keyPrefix === root,
    )
    if (!isBelow || layers.some(({ at }) => at !== undefined)) return undefined
    return layers.flatMap(({ documentKey }) =>
      documentKey === undefined ? [] : [documentKey.slice(root.length)],
    )
  }

  /** The options of the client of the source, with its credentials; empty where the source was given a client. */
  get clientOptions(): EtcdClientOptions {
    return this.#source.clientOptions
  }

  /**
   * Reads every key of the layers at one revision.
   *
   * @throws EtcdError as `kv.scan` does: `compacted` and `future_revision` for a revision that was given,
   *   `permission_denied`, `cluster_changed`
   */
  async read(client: EtcdClient, options: StoreReadOptions = {}): Promise<StoreReading> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#read(client, options)
      } catch (error) {
        const isCompacted = error instanceof EtcdError && error.code === 'compacted'
        if (!isCompacted || options.revision !== undefined || attempt === MOST_ATTEMPTS) throw error
      }
    }
  }

  async #read(client: EtcdClient, options: StoreReadOptions): Promise<StoreReading> {
    const entries = new Map<string, StoreEntry>()
    let { revision, clusterId } = options
    for (const range of this.#ranges()) {
      const control = definedOf({ ...options, revision, clusterId })
      const result = await client.kv.scan({ ...range, ...control }, (page) => addPage(entries, page))
      revision ??= result.revision
      clusterId ??= result.clusterId === 0n ? undefined : result.clusterId
    }
    return { revision: revision ?? 0, clusterId: clusterId ?? 0n, entries }
  }

  #ranges() {
    return [...this.prefixes.map((prefix) => ({ prefix })), ...this.documentKeys.map((key) => ({ key }))]
  }

  /** Converts keys into the leaves of each layer, as the source does. */
  leavesOf(entries: ReadonlyMap<string, StoreEntry>): readonly (readonly Leaf[])[] {
    const listing = new TreeListing(this.#tree)
    for (const [index, prefix] of this.prefixes.entries()) {
      const below = [...entries.values()].filter(({ key }) => key.startsWith(prefix))
      listing.take(index, listedPage(below, prefix.length))
    }
    for (const [index, key] of this.documentKeys.entries()) {
      const entry = entries.get(key)
      if (entry !== undefined) listing.take(this.prefixes.length + index, listedPage([entry], 0))
    }
    return listing.finish().layers
  }

  /** A key or the prefix of keys as etcd itself has it, for clients without the namespace of this one, such as etcdctl. */
  storeKey(key: string): string {
    return this.#tree.storeKey(key)
  }

  /** What the client of the source puts before each key. */
  get namespace(): Buffer {
    return keyBytes(this.#source.namespace)
  }

  /** Whether a key is one of livetree's own, which are not configuration. */
  isReserved(key: string): boolean {
    return isReserved(key)
  }
}

/** Properties that are given: a call takes no `undefined` for them. */
function definedOf(options: StoreReadOptions) {
  const { revision, timeoutMs, signal, clusterId } = options
  return {
    ...(revision !== undefined && { revision }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(signal !== undefined && { signal }),
    ...(clusterId !== undefined && { clusterId }),
  }
}

function addPage(entries: Map<string, StoreEntry>, { keys, values, modRevisions, notText }: ScanPage): void {
  const broken = new Map(notText.map((entry) => [entry.index, entry]))
  for (const [index, name] of keys.entries()) {
    const bytes = broken.get(index)
    const key = bytes === undefined ? name : keyText(bytes.key)
    const isText = bytes === undefined || isUtf8(bytes.value)
    const value = isText ? (values[index] ?? '') : Buffer.from(bytes.value)
    entries.set(key, { key, value, modRevision: modRevisions[index] ?? 0 })
  }
}

/** Entries as a page of a list. */
function listedPage(entries: readonly StoreEntry[], skip: number): ListedPage {
  const header = { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 }
  return {
    length: entries.length,
    texts: () => ({
      header,
      revision: 0,
      keys: entries.map(({ key }) => key.slice(skip)),
      values: entries.map(({ value }) => String(value)),
      modRevisions: entries.map(({ modRevision }) => modRevision),
      notText: entries.flatMap(({ key, value }, index) =>
        typeof value === 'string' ? [] : [{ index, key: keyBytes(key.slice(skip)), value }],
      ),
    }),
    entries: () =>
      entries.map(({ key, value, modRevision }) => ({
        key: keyBytes(key),
        value: Buffer.from(value),
        createRevision: modRevision,
        modRevision,
        version: 1,
        lease: 0n,
      })),
  }
}
