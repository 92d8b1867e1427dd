import type { Leaf, TreeReplacement } from '@livetree/core/source'
import type { ListedPage } from '@livetree/etcd'
import { LayerLeaves } from './layer-leaves.ts'
import type { Overlays } from './overlays.ts'

/** Collects the layers of leaves while the pages of a list arrive. */
export class TreeListing {
  /** Converts the changes that follow the list. */
  readonly leaves: LayerLeaves
  /** The leaves read so far, one growing list for each layer. */
  readonly layers: readonly Leaf[][]
  /** Revision of the last write of the removal permission; 0 if there is none. */
  allowedAt = 0
  readonly #overlays: Overlays
  readonly #replacement: TreeReplacement | undefined

  /** Every leaf is also added to `replacement`, if there is one. */
  constructor(overlays: Overlays, replacement?: TreeReplacement) {
    this.#overlays = overlays
    this.#replacement = replacement
    this.leaves = new LayerLeaves(overlays)
    this.layers = overlays.layers.map(() => [])
  }

  /**
   * Adds a page. `index` follows the order of `rangesOf`: the layers, then the overlays' own keys, then the removal
   * permission.
   */
  take(index: number, page: ListedPage): void {
    const { layers, documentKeys } = this.#overlays
    const layer = layers[index]
    if (layer !== undefined) {
      this.#add(index, this.leaves.leavesOf(index, page.texts(Buffer.byteLength(layer.keyPrefix))))
      return
    }
    const [kv] = page.entries()
    const overlay = index - layers.length
    if (kv === undefined) return
    if (overlay < documentKeys.length) this.leaves.addDocument(overlay, kv.value, kv.modRevision)
    else this.allowedAt = kv.modRevision
  }

  /** Ends the list: appends the documents of whole layers and returns the leaves of each layer. */
  finish(): readonly Leaf[][] {
    for (const layer of this.layers.keys()) {
      const document = this.leaves.documentOf(layer)
      if (document !== undefined) this.#add(layer, [document])
    }
    return this.layers
  }

  #add(layer: number, leaves: readonly Leaf[]): void {
    for (const leaf of leaves) this.layers[layer]?.push(leaf)
    this.#replacement?.add(layer, leaves)
  }
}

/** The key ranges to list, in the order that `TreeListing.take` expects. */
export function rangesOf({ layers, documentKeys, allowRemovalKey, prefix }: Overlays) {
  return {
    ranges: layers.map(({ keyPrefix }) => ({ prefix: keyPrefix })),
    keys: [...documentKeys, allowRemovalKey],
    follow: { prefix },
  }
}
