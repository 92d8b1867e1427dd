import { isValueEnvelope } from '../encryption/envelope.ts'
import { childSchemaNode } from '../schema/child-node.ts'
import { canonicalName, propertyOf } from '../schema/property-name.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import type { LayerInfo, Leaf } from '../source/source.ts'
import { isEmptyObject, isPlainObject, MAX_DEPTH, readDocument } from './document.ts'
import { mountOf } from './mount.ts'
import type { UnplaceableKeys } from './unplaceable-keys.ts'
import { isEqual } from './is-equal.ts'
import type { Opener } from './opener.ts'
import { isStandIn } from './stand-in.ts'
import { eachBelow, touch, type Trail } from './trail.ts'
import { newEntry, type TreeEntries } from './tree-entries.ts'
import { countKeysBelow } from './key-below.ts'
import { type DocumentMark, documentOf, entriesOf, type TreeNode } from './tree-node.ts'
import { unheld } from './tree-place.ts'

/** A document as it is to be spread over the nodes below its own. */
export interface DocumentLeaf {
  readonly layer: number
  readonly leaf: Leaf
  readonly content: object
  readonly schemaNode: SchemaNode | undefined
  /** The document was an envelope, of which all parts are opened. */
  readonly isOpened: boolean
}

/** A document that is being spread, and the one whose place it takes. */
interface Spread {
  readonly mark: DocumentMark
  readonly before: DocumentMark | undefined
  readonly isOpened: boolean
  /** Envelopes are opened again, since the keys are others. */
  readonly isAgain: boolean
}

/** Spreads documents over child nodes, and takes away what was spread. */
export class DocumentSpread {
  /** Documents that have keys below them in their own layer. */
  readonly conflicts = new Set<DocumentMark>()
  readonly #entries: TreeEntries
  readonly #unplaceable: UnplaceableKeys
  readonly #opener: Opener
  /** Layers whose documents name their properties as the store does. */
  readonly #storedLayers: ReadonlySet<number>
  /** By layer: how many names its mount has. */
  readonly #mountDepths: readonly number[]
  /** Layers that have had a document. */
  readonly #documentLayers = new Set<number>()

  constructor(
    layers: readonly LayerInfo[],
    entries: TreeEntries,
    unplaceable: UnplaceableKeys,
    opener: Opener,
  ) {
    this.#entries = entries
    this.#opener = opener
    this.#unplaceable = unplaceable
    const stored = [...layers.entries()].filter(([, { naming }]) => naming === 'stored')
    this.#storedLayers = new Set(stored.map(([layer]) => layer))
    this.#mountDepths = layers.map((layer) => mountOf(layer).length)
  }

  /** Whether the layer has, or had, a document. */
  hasDocuments(layer: number): boolean {
    return this.#documentLayers.has(layer)
  }

  /** Spreads a document at the end of the trail; what the one before it had and this one has not is removed. */
  set(
    trail: Trail,
    document: DocumentLeaf,
    before: DocumentMark | undefined,
    isAgain: boolean,
  ): DocumentMark {
    const { layer, leaf, content, schemaNode, isOpened } = document
    const node = trail.end
    const mark: DocumentMark = {
      layer,
      path: [...trail.names],
      value: leaf.value,
      revision: leaf.revision,
      keysBelow: before?.keysBelow ?? countKeysBelow(node, layer),
    }
    if (isOpened) mark.isEncrypted = true
    const others = (node.documents ?? []).filter((other) => other !== before)
    node.documents = [...others, mark].sort((a, b) => a.layer - b.layer)
    touch(trail, before === undefined ? 1 : 0, this.#entries.journal)
    this.#entries.noteDocument(trail, mark)
    this.#documentLayers.add(layer)
    this.#spread(trail, content, { mark, before, isOpened, isAgain }, schemaNode)
    if (before !== undefined) {
      this.conflicts.delete(before)
      this.#removeSpread(trail, before)
    }
    if (mark.keysBelow > 0) this.conflicts.add(mark)
    return mark
  }

  remove(trail: Trail, mark: DocumentMark): void {
    trail.end.documents = trail.end.documents?.filter((other) => other !== mark)
    this.conflicts.delete(mark)
    this.#removeSpread(trail, mark)
    touch(trail, -1, this.#entries.journal)
    this.#entries.noteDocument(trail, mark)
  }

  /** Counts a key of its own that came or went, for the documents of its layer above it. */
  countKey(trail: Trail, layer: number, delta: 1 | -1): void {
    if (!this.#documentLayers.has(layer)) return
    for (const node of trail.nodes) {
      if (node === trail.end) return
      const mark = documentOf(node, layer)
      if (mark === undefined) continue
      mark.keysBelow += delta
      if (mark.keysBelow > 0) this.conflicts.add(mark)
      else this.conflicts.delete(mark)
    }
  }

  /** Whether the tree holds a name of it; it holds none of an empty object. */
  #spread(trail: Trail, content: object, spread: Spread, schemaNode: SchemaNode | undefined): boolean {
    const { mark } = spread
    const isRenamed = this.#storedLayers.has(mark.layer)
    let isHeld = false
    for (const [written, value] of Object.entries(content)) {
      if (value === undefined) continue
      const name = (isRenamed ? canonicalName(schemaNode, written, 'stored') : undefined) ?? written
      const twice = isRenamed ? storedTwin(schemaNode, written, content) : undefined
      const reason = twice ?? unheld(name, schemaNode)
      if (reason !== undefined) {
        const path = [...trail.names.slice(this.#mountDepths[mark.layer]), written].join('/')
        const { layer, revision } = mark
        this.#unplaceable.set({ layer, path, value, revision, reason, document: mark })
        continue
      }
      isHeld = true
      const below = schemaNode === undefined ? undefined : childSchemaNode(schemaNode, name)
      trail.enter(trail.end.makeChild(name))
      this.#spreadOne(trail, value, spread, below)
      trail.leave()
    }
    return isHeld
  }

  #spreadOne(trail: Trail, written: unknown, spread: Spread, schemaNode: SchemaNode | undefined): void {
    const { mark, before } = spread
    const own = before && entriesOf(trail.end).find((entry) => entry.document === before)
    if (own?.given !== undefined && own.given === written && !spread.isAgain) {
      own.document = mark
      mark.isEncrypted = true
      return
    }
    const place = { layer: mark.layer, names: trail.names, schemaNode }
    const text = spread.isOpened ? written : this.#opener.open(place, written, true)
    const isOpened = spread.isOpened || text !== written
    if (text !== written) mark.isEncrypted = true
    const isQuoted = text === written || isValueEnvelope(written)
    const content = typeof text === 'string' ? contentOf(text, schemaNode, isQuoted) : text
    const isNested = isPlainObject(content) && !isEmptyObject(content) && trail.names.length < MAX_DEPTH
    if (isNested && this.#spread(trail, content, { ...spread, isOpened }, schemaNode)) return
    // An object of which the tree holds no name is there, as an empty one is.
    const whole = isNested ? {} : content
    const value = isOpened ? whole : this.#opener.openInside(place, whole)
    const given = text !== written || value !== whole ? written : undefined
    if (given !== undefined) mark.isEncrypted = true
    if (own !== undefined) own.document = mark
    if (own === undefined || !isEqual(own.value, value) || given !== own.given || isStandIn(before?.value))
      this.#entries.set(trail, newEntry(mark.layer, value, mark.revision, given, mark), schemaNode)
  }

  /** Removes every entry below that was spread from `mark`. */
  #removeSpread(trail: Trail, mark: DocumentMark): void {
    this.#unplaceable.deleteOf(mark)
    const visit = (node: TreeNode) => {
      const entry = entriesOf(node).find((own) => own.document === mark)
      if (entry !== undefined) this.#entries.remove(trail, entry)
    }
    eachBelow(trail, visit, this.#entries.journal)
  }
}

/** Text in a document is read as in a key of its own: as a document where only a directory can be, unless it was opened. */
function contentOf(text: string, schemaNode: SchemaNode | undefined, isQuoted: boolean): unknown {
  const read = readDocument(text, schemaNode, isQuoted)
  return read.type === 'document' ? read.content : read.value
}

/** Why a document's name is left out: the property has its value under the name that `naming` writes, in the same object. */
function storedTwin(
  schemaNode: SchemaNode | undefined,
  written: string,
  content: object,
): string | undefined {
  const own = schemaNode === undefined ? undefined : propertyOf(schemaNode, written, 'properties')
  if (own === undefined || own.stored === written || !Object.hasOwn(content, own.stored)) return undefined
  return `a property that is given twice: "${own.stored}" stands beside it`
}
