import { isValueEnvelope } from '../encryption/envelope.ts'
import type { LayerInfo, Leaf } from '../source/source.ts'
import { readDocument } from './document.ts'
import type { DocumentSpread } from './document-spread.ts'
import type { Opener } from './opener.ts'
import { newEntry, type TreeEntries } from './tree-entries.ts'
import type { DocumentMark, Entry } from './tree-node.ts'
import type { TreePlace } from './tree-place.ts'

/** What a layer had at a node. */
export interface HeldBefore {
  readonly mark: DocumentMark | undefined
  readonly entry: Entry | undefined
  /** It is the same, and is opened again. */
  readonly isAgain: boolean
}

/** A layer had nothing there. One for all, since most leaves of a tree are new. */
export const NOTHING_BEFORE: HeldBefore = { mark: undefined, entry: undefined, isAgain: false }

/** Puts values into nodes: opened, and spread over the nodes below where they are documents. */
export class NodeFiller {
  readonly #isNested: readonly boolean[]
  readonly #entries: TreeEntries
  readonly #documents: DocumentSpread
  readonly #opener: Opener

  constructor(layers: readonly LayerInfo[], entries: TreeEntries, documents: DocumentSpread, opener: Opener) {
    this.#isNested = layers.map((layer) => layer.isNested === true)
    this.#entries = entries
    this.#documents = documents
    this.#opener = opener
  }

  /** Gives what takes the place of the document or entry that the layer has there. */
  fill(layer: number, leaf: Leaf, at: TreePlace, before: HeldBefore): Entry | DocumentMark {
    const { trail, schemaNode } = at
    const { mark, entry, isAgain } = before
    if (mark === undefined && this.#opener.isNeverMore(leaf.value)) {
      const set = newEntry(layer, leaf.value, leaf.revision)
      this.#entries.set(trail, set, schemaNode)
      return set
    }
    const isNested = this.#isNested[layer] === true
    const place = { layer, names: trail.names, schemaNode }
    const opened = this.#opener.open(place, leaf.value, isNested)
    const isOpened = opened !== leaf.value
    const isQuoted = isOpened ? isValueEnvelope(leaf.value) : isNested
    const document = readDocument(opened, schemaNode, isQuoted)
    const refused =
      document.type === 'document' && !isOpened
        ? this.#opener.refusalOfEmpty(place, document.content)
        : undefined
    if (document.type === 'document' && refused === undefined) {
      if (entry !== undefined) this.#entries.remove(trail, entry)
      const { content } = document
      return this.#documents.set(trail, { layer, leaf, content, schemaNode, isOpened }, mark, isAgain)
    }
    if (mark !== undefined) this.#documents.remove(trail, mark)
    const whole = document.type === 'document' ? document.content : document.value
    const value = refused ?? (isOpened ? whole : this.#opener.openInside(place, whole))
    const given = isOpened || value !== whole ? leaf.value : undefined
    const set = newEntry(layer, value, leaf.revision, given)
    this.#entries.set(trail, set, schemaNode)
    return set
  }
}
