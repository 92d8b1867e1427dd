import type { Leaf } from '@livetree/core'
import { type EtcdClient, EtcdError, type ScanPage } from '@livetree/etcd'
import { keyText, NOT_TEXT } from './leaf-of.ts'
import type { Overlays } from './overlays.ts'

/** All layers at one revision. */
export interface ListedTree {
  readonly revision: number
  readonly clusterId: bigint
  readonly layers: readonly (readonly Leaf[])[]
  /** Revision of the last write that said a large removal is meant; 0 for none, or where it was not asked for. */
  readonly allowedAt: number
}

export interface ListOptions {
  readonly overlays: Overlays
  /** Keys asked for at a time; undefined leaves it to the client. */
  readonly pageSize: number | undefined
  /** There is something to compare the tree with, so that a removal may have to be accounted for. */
  readonly isCompared: boolean
  /** Of the past; undefined: the newest. */
  readonly revision?: number
  /** Told the leaves of a layer after each page; the array grows, and is the one that comes of it. */
  readonly onLeaves: (layer: number, leaves: readonly Leaf[]) => void
  readonly signal: AbortSignal
  /** Told of every attempt that failed, since a list that waits for its store may wait for long. */
  readonly onRetry: (error: EtcdError) => void
}

/** How often a list is begun again because its revision was compacted under it. */
const ATTEMPTS = 5

/**
 * Reads every layer, linearizably, at the revision the first page was read at, or at the given one. Rejects with
 * EtcdError, `compacted` where the given one is gone.
 */
export async function listTree(client: EtcdClient, options: ListOptions): Promise<ListedTree> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await listOnce(client, options)
    } catch (error) {
      const isCompacted = error instanceof EtcdError && error.code === 'compacted'
      if (!isCompacted || options.revision !== undefined || attempt === ATTEMPTS) throw error
    }
  }
}

async function listOnce(client: EtcdClient, options: ListOptions): Promise<ListedTree> {
  const { overlays, isCompared, signal } = options
  const [firstLayer, ...others] = overlays.layers.keys()
  const first = await readLayer(client, firstLayer!, options)
  const { revision, clusterId } = first
  const rest = await Promise.all(others.map((layer) => readLayer(client, layer, { ...options, revision })))
  const layers = [first.leaves, ...rest.map(({ leaves }) => leaves)]
  for (const [layer, key] of overlays.documentKeys.entries()) {
    const [document] = (await client.kv.getRange({ key, revision, signal })).entries
    if (document !== undefined)
      layers[layer]!.push({ path: '', value: document.text, revision: document.modRevision })
  }
  const marker = isCompared ? await client.kv.get(overlays.allowRemovalKey, { revision, signal }) : undefined
  return { revision, clusterId, layers, allowedAt: marker?.modRevision ?? 0 }
}

async function readLayer(
  client: EtcdClient,
  layer: number,
  options: ListOptions,
): Promise<{ leaves: Leaf[]; revision: number; clusterId: bigint }> {
  const { overlays, pageSize, revision, signal, onLeaves, onRetry } = options
  const prefix = overlays.layers[layer]!.keyPrefix
  const skipKeyBytes = Buffer.byteLength(prefix)
  const leaves: Leaf[] = []
  const { revision: readAt, clusterId } = await client.kv.scan(
    {
      prefix,
      skipKeyBytes,
      signal,
      onRetry,
      ...(revision === undefined ? {} : { revision }),
      ...(pageSize === undefined ? {} : { pageSize }),
    },
    (page) => {
      takePage(page, overlays, layer, leaves)
      onLeaves(layer, leaves)
    },
  )
  return { leaves, revision: readAt, clusterId }
}

function takePage(page: ScanPage, overlays: Overlays, layer: number, leaves: Leaf[]): void {
  const { keys, values, modRevisions } = page
  const broken = new Map(page.notText.map(({ index, key }) => [index, key]))
  for (let index = 0; index < keys.length; index++) {
    const bytes = broken.size === 0 ? undefined : broken.get(index)
    const path = bytes === undefined ? keys[index]! : keyText(bytes)
    const value = bytes === undefined ? values[index]! : NOT_TEXT
    if (overlays.isDirectoryMarker(path, value) || overlays.isReserved(layer, path)) continue
    leaves.push({ path, value, revision: modRevisions[index]! })
  }
}
