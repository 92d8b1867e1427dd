import { childSchemaNode } from '../schema/child-node.ts'
import { isDirectory, isPureDirectory } from '../schema/directory.ts'
import { canonicalName, propertyOf } from '../schema/property-name.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import type { LayerInfo, Leaf } from '../source/source.ts'
import { isEmptyObject, isNullText, isPlainObject, MAX_DEPTH, readDocument } from './document.ts'
import { type LeafList, restart } from './leaf-list.ts'
import { Losses } from './losses.ts'
import { MisplacedKeys } from './misplaced.ts'
import { type TreePlace, TreePlaces, unheld } from './tree-place.ts'
import { isEqual } from './share.ts'
import { eachBelow, prune, touch, type Trail } from './trail.ts'
import { UnusedWatch } from './unused-watch.ts'
import {
  countKeysBelow,
  type DocumentMark,
  type Entry,
  entriesOf,
  insertEntry,
  keyEntry,
  removeEntry,
  TreeNode,
} from './tree-node.ts'

/** What a layer has at a key. */
type Held = Pick<Leaf, 'value' | 'revision'>

/** A document that is being spread, and the one whose place it takes. */
interface Spread {
  readonly mark: DocumentMark
  readonly before: DocumentMark | undefined
}

/**
 * All layers in one tree, changed in place leaf by leaf. Knows of the schema only what it takes to put a leaf where it
 * belongs: names, and whether a document is to be spread over child nodes.
 */
export class LayerTree {
  readonly root = new TreeNode('')
  readonly misplaced = new MisplacedKeys()
  /** Documents that have keys below them in their own layer. */
  readonly conflicts = new Set<DocumentMark>()
  /** Scalars where only a directory can be valid; they make the tree invalid also when a higher layer covers them. */
  readonly scalarsAtDirectories = new Map<Entry, readonly string[]>()
  /** Nodes that may have a value and, in the same layer, keys below it. */
  readonly mixedNodes = new Map<TreeNode, readonly string[]>()
  /** Leaves of each layer, those spread from documents counted one by one. */
  readonly leafCounts: number[]
  /** What the layers have lost; for the guard. */
  readonly losses: Losses

  readonly unusedWatch = new UnusedWatch()
  readonly plan: SchemaNode
  readonly #layers: readonly LayerInfo[]
  readonly #hasDocuments: boolean[]
  readonly #places: TreePlaces
  /** By layer: the list of which `putEarly` has put leaves in place, and `replace` not all. */
  readonly #earlyLists: (LeafList | undefined)[] = []

  constructor(schemaNode: SchemaNode, layers: readonly LayerInfo[], options: { isRenamed: boolean }) {
    this.plan = schemaNode
    this.#layers = layers
    this.leafCounts = layers.map(() => 0)
    this.losses = new Losses(layers.length)
    this.#hasDocuments = layers.map(() => false)
    this.#places = new TreePlaces(schemaNode, this.root, layers, options)
  }

  /**
   * Puts the leaves that a list has so far in place ahead of the `replace` by it. Does nothing where the layer has
   * something already, be it of a list that was abandoned.
   */
  putEarly(layer: number, list: LeafList): void {
    const early = this.#earlyLists[layer]
    if (early === undefined && this.#isEmpty(layer)) {
      this.#earlyLists[layer] = list
      restart(list)
    } else if (early !== list) return
    this.#putRest(layer, list)
  }

  /** Puts the whole of one layer in place: what it had and the list has not goes away. */
  replace(layer: number, list: LeafList): void {
    const early = this.#earlyLists[layer]
    this.unusedWatch.noteAll()
    this.#earlyLists[layer] = undefined
    if (early === list) {
      this.#putRest(layer, list)
      return
    }
    restart(list)
    const isFirst = this.#isEmpty(layer)
    const seen = isFirst ? undefined : new Set<Entry | DocumentMark>()
    for (const misplaced of this.misplaced.all()) {
      if (misplaced.layer === layer && misplaced.document === undefined)
        this.#setMisplaced(layer, { ...misplaced, value: undefined }, '')
    }
    this.#putRest(layer, list, seen)
    if (seen !== undefined) this.#removeUnseen({ nodes: [this.root], names: [] }, layer, seen)
  }

  #isEmpty(layer: number): boolean {
    return this.leafCounts[layer] === 0 && !this.#hasDocuments[layer]
  }

  /** `seen`, if given, gets all that holds what is put. */
  #putRest(layer: number, list: LeafList, seen?: Set<Entry | DocumentMark>): void {
    const { leaves } = list
    for (; list.placedCount < leaves.length; list.placedCount++) {
      const leaf = leaves[list.placedCount]!
      if (leaf.value === undefined) continue
      list.lastPlace =
        typeof list.lastPlace === 'object'
          ? this.#places.placeBeside(list.lastPlace, layer, leaf.path)
          : this.#places.place(layer, leaf.path)
      this.#put(layer, leaf, list.lastPlace, seen)
    }
  }

  /** Puts one leaf of one layer in place, or takes it away (`value` undefined). Gives what takes that back. */
  set(layer: number, leaf: Leaf): Leaf {
    const before = this.#put(layer, leaf, this.#places.place(layer, leaf.path))
    return { path: leaf.path, value: before?.value, revision: before?.revision ?? 0 }
  }

  /** Gives what the layer had there. */
  #put(
    layer: number,
    leaf: Leaf,
    place: TreePlace | string,
    seen?: Set<Entry | DocumentMark>,
  ): Held | undefined {
    if (typeof place === 'string') return this.#setMisplaced(layer, leaf, place)
    const { trail, plan } = place
    const node = trail.nodes.at(-1)!
    const mark = node.documents?.find((document) => document.layer === layer)
    if (mark === undefined) this.unusedWatch.note(trail.nodes)
    else this.unusedWatch.noteAll()
    const entry = keyEntry(node, layer)
    const holder = mark ?? entry
    const before = holder === undefined ? undefined : { value: holder.value, revision: holder.revision }
    if (leaf.value === undefined) {
      if (mark !== undefined) this.#removeDocument(trail, mark)
      if (entry !== undefined) this.#removeEntry(trail, entry)
      if (holder !== undefined) this.#countKey(trail, layer, -1)
      prune(trail)
      return before
    }
    if (holder !== undefined && isEqual(holder.value, leaf.value)) {
      // written again with the value it had: only the revision moves
      holder.revision = leaf.revision
      seen?.add(holder)
      return before
    }
    const document = readDocument(leaf.value, plan)
    if (document.type === 'document') {
      if (entry !== undefined) this.#removeEntry(trail, entry)
      const set = this.#setDocument(trail, { layer, leaf, content: document.content, plan }, mark)
      seen?.add(set)
    } else {
      if (mark !== undefined) this.#removeDocument(trail, mark)
      const set = newEntry(layer, document.value, leaf.revision)
      this.#setEntry(trail, set, plan)
      seen?.add(set)
    }
    if (holder === undefined) this.#countKey(trail, layer, 1)
    this.#noteCrowded(trail, layer)
    return before
  }

  #setMisplaced(layer: number, leaf: Leaf, reason: string): Held | undefined {
    this.unusedWatch.noteAll()
    const { path, value, revision } = leaf
    const before = this.misplaced.get(layer, path)
    if (value !== undefined || before !== undefined) this.losses.misplaced(layer, path, value !== undefined)
    if (value === undefined) this.misplaced.delete(layer, path)
    else this.misplaced.set({ layer, path, value, revision, reason, document: undefined })
    return before
  }

  #setEntry(trail: Trail, entry: Entry, schemaNode: SchemaNode | undefined): void {
    const old = insertEntry(trail.nodes.at(-1)!, entry)
    if (old !== undefined) {
      this.scalarsAtDirectories.delete(old)
      this.losses.changed(old, entry)
      touch(trail, 0)
    } else {
      this.leafCounts[entry.layer]!++
      this.losses.came(entry, trail.names)
      touch(trail, 1)
    }
    const isBare = () => isNullText(entry.value) || isEmptyObject(entry.value)
    if (schemaNode !== undefined && isPureDirectory(schemaNode) && !isBare())
      this.scalarsAtDirectories.set(entry, [...trail.names])
  }

  #removeEntry(trail: Trail, entry: Entry): void {
    const node = trail.nodes.at(-1)!
    removeEntry(node, entry)
    this.scalarsAtDirectories.delete(entry)
    this.leafCounts[entry.layer]!--
    touch(trail, -1)
    // A key may have taken over from a document, or the other way round.
    const replacement = entriesOf(node).find((other) => other.layer === entry.layer)
    this.losses.went(entry, trail.names, replacement)
  }

  /** Notes every node on a new key's way that has a value in the same layer, and the key's own if there are keys below. */
  #noteCrowded({ nodes, names }: Trail, layer: number): void {
    for (let depth = 0; depth < names.length; depth++) {
      if (keyEntry(nodes[depth]!, layer) !== undefined)
        this.mixedNodes.set(nodes[depth]!, names.slice(0, depth))
    }
    const own = nodes.at(-1)!
    if (own.childCount > 0 && own.leafCount > 1) this.mixedNodes.set(own, [...names])
  }

  /** Spreads a document over the nodes below; what the one before it had and this one has not goes away. */
  #setDocument(
    trail: Trail,
    given: { layer: number; leaf: Leaf; content: object; plan: SchemaNode | undefined },
    before: DocumentMark | undefined,
  ): DocumentMark {
    this.unusedWatch.noteAll()
    const { layer, leaf, content, plan } = given
    const node = trail.nodes.at(-1)!
    const mark: DocumentMark = {
      layer,
      path: [...trail.names],
      value: leaf.value,
      revision: leaf.revision,
      keysBelow: before?.keysBelow ?? countKeysBelow(node, layer),
    }
    node.documents ??= []
    const { documents } = node
    if (before !== undefined) documents.splice(documents.indexOf(before), 1)
    documents.push(mark)
    documents.sort((a, b) => a.layer - b.layer)
    touch(trail, before === undefined ? 1 : 0)
    this.#hasDocuments[layer] = true
    this.#spread(trail, content, { mark, before }, plan)
    if (before !== undefined) {
      this.conflicts.delete(before)
      this.#removeSpread(trail, before)
    }
    if (mark.keysBelow > 0) this.conflicts.add(mark)
    return mark
  }

  #spread(trail: Trail, content: object, spread: Spread, schemaNode: SchemaNode | undefined): void {
    const { mark } = spread
    const isRenamed = this.#layers[mark.layer]!.naming === 'stored'
    for (const [written, value] of Object.entries(content)) {
      if (value === undefined) continue
      const name = (isRenamed ? canonicalName(schemaNode, written, 'stored') : undefined) ?? written
      const twice = isRenamed ? storedTwin(schemaNode, written, content) : undefined
      const reason = twice ?? unheld(name, schemaNode)
      if (reason !== undefined) {
        const path = [...trail.names, written].join('/')
        const { layer, revision } = mark
        this.misplaced.set({ layer, path, value, revision, reason, document: mark })
        continue
      }
      const below = schemaNode === undefined ? undefined : childSchemaNode(schemaNode, name)
      const parent = trail.nodes.at(-1)!
      trail.nodes.push(parent.makeChild(name))
      trail.names.push(name)
      this.#spreadOne(trail, value, spread, below)
      trail.nodes.pop()
      trail.names.pop()
    }
  }

  #spreadOne(trail: Trail, value: unknown, spread: Spread, schemaNode: SchemaNode | undefined): void {
    const { mark, before } = spread
    const isNested =
      isPlainObject(value) &&
      schemaNode !== undefined &&
      isDirectory(schemaNode) &&
      trail.names.length < MAX_DEPTH
    if (isNested && Object.keys(value).length > 0) {
      this.#spread(trail, value, spread, schemaNode)
      return
    }
    const own = before && entriesOf(trail.nodes.at(-1)!).find((entry) => entry.document === before)
    if (own !== undefined) own.document = mark
    if (own === undefined || !isEqual(own.value, value))
      this.#setEntry(trail, { ...newEntry(mark.layer, value, mark.revision), document: mark }, schemaNode)
  }

  #removeDocument(trail: Trail, mark: DocumentMark): void {
    const documents = trail.nodes.at(-1)!.documents!
    documents.splice(documents.indexOf(mark), 1)
    this.conflicts.delete(mark)
    this.#removeSpread(trail, mark)
    touch(trail, -1)
  }

  /** Takes away every entry below that was spread from `mark`. */
  #removeSpread(trail: Trail, mark: DocumentMark): void {
    this.misplaced.deleteOf(mark)
    eachBelow(trail, (node) => {
      const entry = entriesOf(node).find((own) => own.document === mark)
      if (entry !== undefined) this.#removeEntry(trail, entry)
    })
  }

  #removeUnseen(trail: Trail, layer: number, seen: ReadonlySet<Entry | DocumentMark>): void {
    const visit = (node: TreeNode) => {
      const mark = node.documents?.find((own) => own.layer === layer && !seen.has(own))
      const entry = keyEntry(node, layer)
      const isStale = entry !== undefined && !seen.has(entry)
      if (mark !== undefined) this.#removeDocument(trail, mark)
      if (isStale) this.#removeEntry(trail, entry)
      if (mark !== undefined || isStale) this.#countKey(trail, layer, -1)
    }
    eachBelow(trail, visit)
    visit(this.root)
  }

  /** Keeps count of the keys that stand below a document of their own layer. */
  #countKey(trail: Trail, layer: number, delta: 1 | -1): void {
    if (!this.#hasDocuments[layer]) return
    for (let index = 0; index < trail.nodes.length - 1; index++) {
      const mark = trail.nodes[index]!.documents?.find((document) => document.layer === layer)
      if (mark === undefined) continue
      mark.keysBelow += delta
      if (mark.keysBelow > 0) this.conflicts.add(mark)
      else this.conflicts.delete(mark)
    }
  }
}

function newEntry(layer: number, value: unknown, revision: number): Entry {
  return { layer, value, revision, below: undefined }
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
