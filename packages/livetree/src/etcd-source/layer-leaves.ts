import { keyText, type Leaf } from '@livetree/core/source'
import type { ScanPage, WatchEvent } from '@livetree/etcd'
import { type LayerKey, type TreeLayers, valueAt } from './tree-layers.ts'

/** A change of one layer. */
export interface LayerChange {
  readonly layer: number
  readonly leaf: Leaf
}

/** The two keys that may hold a layer's own document: the name of its directory, without and with a slash at its end. */
type Documents = { key?: Leaf; directory?: Leaf }

/**
 * Converts keys into leaves, identically for a list and for the changes that lead to it. Keeps no leaves except the
 * documents of whole layers: two keys may hold one, and if the first is removed the second applies.
 */
export class LayerLeaves {
  readonly #tree: TreeLayers
  readonly #documents: Documents[]

  constructor(tree: TreeLayers, documents: Documents[] = tree.layers.map(() => ({}))) {
    this.#tree = tree
    this.#documents = documents
  }

  /** Returns a copy, for changes that are only tried. */
  copy(): LayerLeaves {
    const documents = this.#documents.map((each) => ({ ...each }))
    return new LayerLeaves(this.#tree, documents)
  }

  /** Converts a page of a layer's directory. */
  leavesOf(layer: number, page: ScanPage): readonly Leaf[] {
    const leaves: Leaf[] = []
    const { keys, values, modRevisions } = page
    const broken = new Map(page.notText.map((entry) => [entry.index, entry]))
    for (let index = 0; index < keys.length; index++) {
      const bytes = broken.size === 0 ? undefined : broken.get(index)
      const key = bytes === undefined ? keys[index] : keyText(bytes.key)
      const value = bytes === undefined ? values[index] : bytes.value
      const revision = modRevisions[index]
      if (key === undefined || value === undefined || revision === undefined) break
      const place = this.#tree.placeIn(layer, key)
      if (place === undefined) continue
      const leaf = leafAt(place, value, revision)
      if (place.document !== undefined) this.#keep(layer, place.document, leaf)
      else if (leaf.value !== undefined) leaves.push(leaf)
    }
    return leaves
  }

  /** Adds the document stored at a layer's own key. */
  addDocument(layer: number, value: Buffer, revision: number): void {
    this.#keep(layer, 'key', leafAt({ layer, path: '', document: 'key' }, value, revision))
  }

  /** The document of a listed layer, which follows its other leaves; undefined if it has none. */
  documentOf(layer: number): Leaf | undefined {
    const { key, directory } = this.#documents[layer] ?? {}
    if (key !== undefined || directory === undefined) return key
    return { ...directory, key: this.#tree.layers[layer]?.keyPrefix }
  }

  /** Converts an event into a change for each layer that its key belongs to. */
  changesOf({ type, kv }: WatchEvent): LayerChange[] {
    return this.changesAt(kv.key, type === 'delete' ? undefined : kv.value, kv.modRevision)
  }

  /** The same for what a key holds from a revision on; undefined if it is deleted. */
  changesAt(key: Buffer, value: unknown, revision: number): LayerChange[] {
    return this.#tree.locate(key).map((place) => {
      const isStored = typeof value === 'string' || Buffer.isBuffer(value)
      const leaf: Leaf = isStored ? leafAt(place, value, revision) : { path: place.path, value, revision }
      if (place.document === undefined) return { layer: place.layer, leaf }
      this.#keep(place.layer, place.document, leaf)
      return { layer: place.layer, leaf: this.documentOf(place.layer) ?? leaf }
    })
  }

  #keep(layer: number, document: keyof Documents, leaf: Leaf): void {
    const documents = this.#documents[layer] ?? {}
    this.#documents[layer] = documents
    if (leaf.value === undefined) delete documents[document]
    else documents[document] = leaf
  }
}

function leafAt(place: LayerKey, value: string | Buffer, revision: number): Leaf {
  return { path: place.path, value: valueAt(place, value), revision }
}
