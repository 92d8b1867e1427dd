import type { SchemaNode } from '../schema/schema-node.ts'
import type { LayerInfo, Leaf } from '../source/source.ts'
import { itemAt } from '../item-at.ts'
import { isEnvelope } from '../encryption/envelope.ts'
import { type KeySet, NO_KEYS } from '../encryption/key-set.ts'
import { isEncryptedAt } from '../schema/describe.ts'
import { DocumentSpread } from './document-spread.ts'
import { type LeafList, restart } from './leaf-list.ts'
import { encryptedLeaves } from './leaves.ts'
import { NodeFiller, NOTHING_BEFORE } from './node-filler.ts'
import { listIn } from './comma-list.ts'
import type { Losses } from './losses.ts'
import type { TrialJournal } from './trial-journal.ts'
import { UnplaceableKeys } from './unplaceable-keys.ts'
import { givenOf } from './given.ts'
import { isEqual } from './is-equal.ts'
import { eachBelow, prune, Trail } from './trail.ts'
import { TreeEntries } from './tree-entries.ts'
import { Opener } from './opener.ts'
import { type DocumentMark, documentOf, type Entry, keyEntry, TreeNode } from './tree-node.ts'
import { type TreePlace, TreePlaces } from './tree-place.ts'
import { UnusedWatch } from './unused-watch.ts'
import { isNames } from './variable-names.ts'

/** What a layer has at a key, as its source gave it. */
type Held = Pick<Leaf, 'value' | 'revision'>

/** Options of `LayerTree`. */
export interface LayerTreeOptions {
  /** `naming` writes properties other than they are. */
  readonly isRenamed: boolean
  /** What envelopes are opened with. Default: none. */
  readonly keys?: KeySet | undefined
}

/**
 * All layers in one tree, changed in place leaf by leaf. Knows of the schema only what it takes to put a leaf where it
 * belongs: names, and whether a document is to be spread over child nodes.
 */
export class LayerTree {
  readonly root = new TreeNode('')
  readonly unplaceable = new UnplaceableKeys()
  /** Nodes that may have a value and, in the same layer, keys below it. */
  readonly mixedNodes = new Map<TreeNode, readonly string[]>()
  readonly unusedWatch = new UnusedWatch()
  readonly schemaNode: SchemaNode
  readonly #entries: TreeEntries
  readonly #documents: DocumentSpread
  readonly #places: TreePlaces
  readonly #opener: Opener
  readonly #takesCommas: readonly boolean[]
  readonly #filler: NodeFiller
  /** By layer: the key of its own document, where its source says which of several that is. */
  readonly #documentKeys = new Map<number, string>()
  /** By layer: the list of which `putEarly` has put leaves in place, and `replace` not all. */
  readonly #earlyLists = new Map<number, LeafList>()

  constructor(schemaNode: SchemaNode, layers: readonly LayerInfo[], options: LayerTreeOptions) {
    this.schemaNode = schemaNode
    this.#opener = new Opener(schemaNode, layers, options.keys ?? NO_KEYS)
    this.#places = new TreePlaces(schemaNode, this.root, layers, options)
    const { variables } = this.#places
    this.#entries = new TreeEntries(layers.length, (names, entry) => variables.noted(names, entry))
    this.#documents = new DocumentSpread(layers, this.#entries, this.unplaceable, this.#opener)
    this.#filler = new NodeFiller(layers, this.#entries, this.#documents, this.#opener)
    this.#takesCommas = layers.map((layer) => layer.listsWithCommas === true)
  }

  /** See `VariableNames.variableAt`. */
  variableAt(layer: number, names: readonly PropertyKey[]): string | undefined {
    return this.#places.variables.variableAt(layer, names)
  }

  /** The key of a layer's own document; undefined where it is the one that the layer says. */
  documentKeyAt(layer: number): string | undefined {
    return this.#documentKeys.get(layer)
  }

  /** Whether a layer has any leaf. */
  hasLeaves(layer: number): boolean {
    return this.losses.of(layer).count > 0
  }

  /** Moves the variables that lead elsewhere, since the names of records' entries have changed. */
  settle(): void {
    const moves = this.#places.moves()
    if (moves.length === 0) return
    this.losses.moving(() => {
      const leaves = moves.map(({ layer, path, from }) => {
        const gone = { path, value: undefined, revision: 0 }
        const held = isNames(from)
          ? this.#put(layer, gone, this.#places.at(from))
          : this.#setUnplaceable(layer, gone, from.reason)
        return { path, value: held?.value, revision: held?.revision ?? 0 }
      })
      for (const [index, { layer, to }] of moves.entries()) {
        const leaf = itemAt(leaves, index)
        if (leaf.value !== undefined) this.#put(layer, leaf, isNames(to) ? this.#places.at(to) : to.reason)
      }
    })
  }

  /** Opens all envelopes again, with other keys. */
  useKeys(keys: KeySet): void {
    this.#opener.keys = keys
    for (const layer of this.#takesCommas.keys())
      for (const { names, leaf } of encryptedLeaves(this.root, layer))
        this.#putAt(layer, leaf, this.#places.at(names), undefined, true)
  }

  get journal(): TrialJournal {
    return this.#entries.journal
  }
  /** See `TreeEntries.losses`. */
  get losses(): Losses {
    return this.#entries.losses
  }
  /** See `TreeEntries.scalarsAtDirectories`. */
  get scalarsAtDirectories(): ReadonlyMap<Entry, readonly string[]> {
    return this.#entries.scalarsAtDirectories
  }
  /** See `TreeEntries.unopenedUnread`. */
  get unopenedUnread(): ReadonlyMap<Entry, readonly string[]> {
    return this.#entries.unopenedUnread
  }
  /** See `DocumentSpread.conflicts`. */
  get conflicts(): ReadonlySet<DocumentMark> {
    return this.#documents.conflicts
  }

  /**
   * Puts the leaves that a list has so far in place ahead of the `replace` by it. Does nothing where the layer has
   * something already, be it of a list that was abandoned.
   */
  putEarly(layer: number, list: LeafList): void {
    const early = this.#earlyLists.get(layer)
    if (early === undefined && this.#isEmpty(layer)) {
      this.#earlyLists.set(layer, list)
      restart(list)
    } else if (early !== list) return
    this.#putRest(layer, list)
  }

  /** Puts the whole of one layer in place: what it had and the list has not goes away. */
  replace(layer: number, list: LeafList): void {
    const early = this.#earlyLists.get(layer)
    this.unusedWatch.noteAll()
    this.#earlyLists.delete(layer)
    if (early === list) {
      this.#putRest(layer, list)
      return
    }
    restart(list)
    this.#documentKeys.delete(layer)
    const seen = this.#isEmpty(layer) ? undefined : new Set<Entry | DocumentMark>()
    for (const unplaceable of this.unplaceable.all()) {
      if (unplaceable.layer === layer && unplaceable.document === undefined)
        this.#setUnplaceable(layer, { ...unplaceable, value: undefined }, '')
    }
    this.#putRest(layer, list, seen)
    if (seen !== undefined) this.#removeUnseen(layer, seen)
    this.#places.variables.keepOnly(layer, list.leaves)
  }

  #isEmpty(layer: number): boolean {
    return this.#entries.isEmpty(layer) && !this.#documents.hasDocuments(layer)
  }

  /** `seen`, if given, gets all that holds what is put. */
  #putRest(layer: number, list: LeafList, seen?: Set<Entry | DocumentMark>): void {
    for (const leaf of list.placedCount === 0 ? list.leaves : list.leaves.slice(list.placedCount)) {
      list.placedCount++
      if (leaf.value === undefined) continue
      list.lastPlace =
        typeof list.lastPlace === 'object'
          ? this.#places.placeNear(list.lastPlace, layer, leaf.path)
          : this.#places.place(layer, leaf.path)
      this.#put(layer, leaf, list.lastPlace, seen)
    }
  }

  /** Puts one leaf of one layer in place, or takes it away (`value` undefined). Gives what takes that back. */
  set(layer: number, leaf: Leaf): Leaf {
    const key = leaf.path === '' ? this.#documentKeys.get(layer) : undefined
    const before = this.#put(layer, leaf, this.#places.place(layer, leaf.path))
    if (leaf.value === undefined) this.#places.variables.forget(layer, leaf.path)
    return { path: leaf.path, value: before?.value, revision: before?.revision ?? 0, key }
  }

  /** Gives what the layer had there. */
  #put(
    layer: number,
    given: Leaf,
    place: TreePlace | string,
    seen?: Set<Entry | DocumentMark>,
  ): Held | undefined {
    if (typeof place === 'string') return this.#setUnplaceable(layer, given, place)
    if (given.path === '') this.#noteDocumentKey(layer, given)
    // the commas of a list are taken as such unless an envelope hides them
    const hasCommas = this.#takesCommas[layer] && !isEnvelopeAt(this.schemaNode, place, given.value)
    const leaf = hasCommas ? { ...given, value: listIn(given.value, place.schemaNode) } : given
    return this.#putAt(layer, leaf, place, seen)
  }

  /** `isAgain`: the same value is read again. */
  #putAt(
    layer: number,
    leaf: Leaf,
    place: TreePlace,
    seen?: Set<Entry | DocumentMark>,
    isAgain = false,
  ): Held | undefined {
    const { trail } = place
    const mark = documentOf(trail.end, layer)
    if (mark === undefined) this.unusedWatch.note(trail.nodes)
    else this.unusedWatch.noteAll()
    const entry = keyEntry(trail.end, layer)
    const holder = mark ?? entry
    const before = holder === undefined ? undefined : { value: givenOf(holder), revision: holder.revision }
    if (leaf.value === undefined) {
      if (holder !== undefined) this.#remove(trail, layer, mark, entry)
      prune(trail, this.journal)
      return before
    }
    if (holder !== undefined && !isAgain && isEqual(before?.value, leaf.value)) {
      // Written again with the value it had: only the revision moves.
      holder.revision = leaf.revision
      seen?.add(holder)
      return before
    }
    const known = holder === undefined && !isAgain ? NOTHING_BEFORE : { mark, entry, isAgain }
    const set = this.#filler.fill(layer, leaf, place, known)
    seen?.add(set)
    if ('keysBelow' in set) this.unusedWatch.noteAll()
    if (holder === undefined) this.#documents.countKey(trail, layer, 1)
    this.#noteMixed(trail, layer)
    return before
  }

  #noteDocumentKey(layer: number, { value, key }: Leaf): void {
    if (value === undefined || typeof key !== 'string') this.#documentKeys.delete(layer)
    else this.#documentKeys.set(layer, key)
  }

  #setUnplaceable(layer: number, leaf: Leaf, reason: string): Held | undefined {
    this.unusedWatch.noteAll()
    const { path, value, revision } = leaf
    const before = this.unplaceable.get(layer, path)
    if (value !== undefined || before !== undefined) this.losses.unplaceable(layer, path, value !== undefined)
    if (value === undefined) this.unplaceable.delete(layer, path)
    else this.unplaceable.set({ layer, path, value, revision, reason, document: undefined })
    return before
  }

  /** Notes every node on a new key's way that has a value in the same layer, and the key's own if there are keys below. */
  #noteMixed({ nodes, names, end }: Trail, layer: number): void {
    let depth = 0
    for (const node of nodes) {
      if (node !== end && keyEntry(node, layer) !== undefined)
        this.mixedNodes.set(node, names.slice(0, depth))
      depth++
    }
    if (end.childCount > 0 && end.leafCount > 1) this.mixedNodes.set(end, [...names])
  }

  /** Removes the key that a layer has at the end of the trail: its document, its entry, or both. */
  #remove(trail: Trail, layer: number, mark: DocumentMark | undefined, entry: Entry | undefined): void {
    if (mark !== undefined) this.#documents.remove(trail, mark)
    if (entry !== undefined) this.#entries.remove(trail, entry)
    this.#documents.countKey(trail, layer, -1)
  }

  /** Removes every key of a layer that is not among `seen`. */
  #removeUnseen(layer: number, seen: ReadonlySet<Entry | DocumentMark>): void {
    const trail = new Trail(this.root)
    const visit = (node: TreeNode) => {
      const mark = node.documents?.find((own) => own.layer === layer && !seen.has(own))
      const entry = keyEntry(node, layer)
      const stale = entry !== undefined && !seen.has(entry) ? entry : undefined
      if (mark !== undefined || stale !== undefined) this.#remove(trail, layer, mark, stale)
    }
    eachBelow(trail, visit, this.journal)
    visit(this.root)
  }
}

function isEnvelopeAt(schemaNode: SchemaNode, { trail }: TreePlace, value: unknown): boolean {
  return isEnvelope(value) && isEncryptedAt(schemaNode, trail.names)
}
