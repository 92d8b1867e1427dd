import type { Leaf, TreeReplacement } from '@livetree/core/source'
import type { ListedPage } from '@livetree/etcd'
import { LayerLeaves } from './layer-leaves.ts'
import type { TreeLayers } from './tree-layers.ts'

/** Collects the layers of leaves while the pages of a list arrive. */
export class TreeListing {
  /** Converts the changes that follow the list. */
  readonly leaves: LayerLeaves
  /** For each removal key the revision of its last write; 0 if there is none. */
  readonly allowedAt: number[]
  /** By layer: the leaves of each page. Most lists are read over a replacement alone, and nobody asks for all at once. */
  readonly #pages: readonly (readonly Leaf[])[][]
  readonly #tree: TreeLayers
  readonly #replacement: TreeReplacement | undefined

  /** Every leaf is also added to `replacement`, if there is one. */
  constructor(tree: TreeLayers, replacement?: TreeReplacement) {
    this.#tree = tree
    this.#replacement = replacement
    this.leaves = new LayerLeaves(tree)
    this.#pages = tree.layers.map(() => [])
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

  /** Ends the list: appends the documents of whole layers. */
  finish(): this {
    for (const layer of this.#pages.keys()) {
      const document = this.leaves.documentOf(layer)
      if (document !== undefined) this.#add(layer, [document])
    }
    return this
  }

  /** The leaves of each layer read so far. */
  get layers(): readonly (readonly Leaf[])[] {
    return this.#pages.map((pages) => pages.flat())
  }

  /** Whether nothing was read of a layer. */
  isEmpty(layer: number): boolean {
    return this.#pages[layer]?.every((leaves) => leaves.length === 0) === true
  }

  #add(layer: number, leaves: readonly Leaf[]): void {
    this.#pages[layer]?.push(leaves)
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
