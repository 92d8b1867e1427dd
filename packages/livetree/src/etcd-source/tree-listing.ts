import type { Leaf } from '@livetree/core/source'
import type { ListedPage } from '@livetree/etcd'
import { LayerLeaves } from './layer-leaves.ts'
import type { Overlays } from './overlays.ts'

/** Layers of leaves, while the pages they are on come in. */
export class TreeListing {
  /** Makes leaves of the changes that come after the list. */
  readonly leaves: LayerLeaves
  /** One list for each layer; it grows. */
  readonly layers: readonly Leaf[][]
  /** Revision of the last write that says a large removal is meant; 0 for none. */
  allowedAt = 0
  readonly #overlays: Overlays

  constructor(overlays: Overlays) {
    this.#overlays = overlays
    this.leaves = new LayerLeaves(overlays)
    this.layers = overlays.layers.map(() => [])
  }

  /**
   * Takes a page of a layer or, after all layers, of an overlay's own key or of the permission to remove, by the order of
   * `rangesOf`. Gives the layer that has new leaves.
   */
  take(index: number, page: ListedPage): number | undefined {
    const { layers, documentKeys } = this.#overlays
    const layer = layers[index]
    if (layer !== undefined) {
      this.leaves.addPage(index, page.texts(Buffer.byteLength(layer.keyPrefix)), this.layers[index]!)
      return index
    }
    const [kv] = page.entries()
    const overlay = index - layers.length
    if (kv === undefined) return undefined
    if (overlay < documentKeys.length) this.leaves.addDocument(overlay, kv.value, kv.modRevision)
    else this.allowedAt = kv.modRevision
    return undefined
  }

  /** All pages were taken: the documents that stand for whole layers come last. */
  finish(): readonly Leaf[][] {
    for (const [layer, leaves] of this.layers.entries()) {
      const document = this.leaves.documentOf(layer)
      if (document !== undefined) leaves.push(document)
    }
    return this.layers
  }
}

/** What to list for the layers, in the order in which `TreeListing` takes it. */
export function rangesOf({ layers, documentKeys, allowRemovalKey, prefix }: Overlays) {
  return {
    ranges: layers.map(({ keyPrefix }) => ({ prefix: keyPrefix })),
    keys: [...documentKeys, allowRemovalKey],
    follow: { prefix },
  }
}
