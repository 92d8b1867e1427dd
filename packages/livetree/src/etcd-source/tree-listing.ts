import type { Leaf, TreeReplacement } from '@livetree/core/source'
import type { ListedPage } from '@livetree/etcd'
import { LayerLeaves } from './layer-leaves.ts'
import type { TreeLayers } from './tree-layers.ts'

/** Collects the layers of leaves while the pages of a list arrive. */
export class TreeListing {
  /** Converts the changes that follow the list. */
  readonly leaves: LayerLeaves
  /** The leaves read so far, one growing list for each layer. */
  readonly layers: readonly Leaf[][]
  /** For each removal key the revision of its last write; 0 if there is none. */
  readonly allowedAt: number[]
  readonly #tree: TreeLayers
  readonly #replacement: TreeReplacement | undefined

  /** Every leaf is also added to `replacement`, if there is one. */
  constructor(tree: TreeLayers, replacement?: TreeReplacement) {
    this.#tree = tree
    this.#replacement = replacement
    this.leaves = new LayerLeaves(tree)
    this.layers = tree.layers.map(() => [])
    this.allowedAt = tree.removalKeys.map(() => 0)
  }

  /**
   * Adds a page. `index` follows the order of `rangesOf`: the directories, then the layers' own keys, then the removal
   * keys.
   */
  take(index: number, page: ListedPage): void {
    const { prefixes, documents } = this.#tree
    const prefix = prefixes[index]
    if (prefix !== undefined) {
      const texts = page.texts(Buffer.byteLength(prefix))
      for (const layer of this.#tree.layersAt(index)) this.#add(layer, this.leaves.leavesOf(layer, texts))
      return
    }
    const [kv] = page.entries()
    if (kv === undefined) return
    const key = index - prefixes.length
    const document = documents[key]
    if (document !== undefined) this.leaves.addDocument(document.layer, kv.value, kv.modRevision)
    else this.allowedAt[key - documents.length] = kv.modRevision
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

/** The key ranges to list, in the order that `TreeListing.take` expects, and those to watch. */
export function rangesOf({ prefixes, documents, removalKeys, plan }: TreeLayers) {
  return {
    ranges: prefixes.map((prefix) => ({ prefix })),
    keys: [...documents.map(({ key }) => key), ...removalKeys],
    follow: plan.follow.map((prefix) => ({ prefix })),
  }
}
