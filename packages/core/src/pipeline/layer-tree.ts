import { canonicalName, childPlan, isDirectory, isPureDirectory, type Plan } from '../schema/plan.ts'
import type { LayerInfo, Leaf } from '../source/source.ts'
import {
  decodeSegment,
  encodeSegment,
  isEmptyObject,
  isNullText,
  isPlainObject,
  MAX_DEPTH,
  readDocument,
} from './document.ts'
import { isEqual } from './share.ts'
import { type DocumentMark, type Entry, TreeNode } from './tree-node.ts'

/** A key that has no place in the tree: a segment that is not written as it has to be, or a name no plain object can hold. */
export interface Misplaced {
  readonly layer: number
  readonly path: string
  readonly revision: number
  readonly reason: string
  readonly document: DocumentMark | undefined
}

/** The way from the root to a node: `nodes` is one longer than `names`. */
interface Trail {
  readonly nodes: TreeNode[]
  readonly names: string[]
}

const PROTO = 'the name __proto__, which no plain object can hold'

/**
 * All layers in one tree, changed in place leaf by leaf. Knows of the schema only what it takes to put a leaf where it
 * belongs: names, and whether a document is to be spread over child nodes.
 */
export class LayerTree {
  readonly root = new TreeNode()
  readonly misplaced = new Map<string, Misplaced>()
  /** Documents that have keys below them in their own layer. */
  readonly conflicts = new Set<DocumentMark>()
  /** Scalars where only a directory can be valid; they make the tree invalid also when a higher layer covers them. */
  readonly misfits = new Map<Entry, readonly string[]>()
  /** Nodes that may have a value and, in the same layer, keys below it. */
  readonly crowded = new Map<TreeNode, readonly string[]>()
  /** Leaves of each layer, those spread from documents counted one by one. */
  readonly leafCounts: number[]
  /** Leaves of the last accepted tree that are gone, for each layer, by path. */
  readonly lost: readonly Map<string, readonly string[]>[]

  readonly plan: Plan
  readonly #layers: readonly LayerInfo[]
  readonly #hasDocuments: boolean[]
  readonly #needsNames: readonly boolean[]
  /** Entries that came since the last accepted tree. */
  readonly #fresh = new Set<Entry>()
  #stamp = 0

  constructor(plan: Plan, layers: readonly LayerInfo[], options: { isRenamed: boolean }) {
    this.plan = plan
    this.#layers = layers
    this.leafCounts = layers.map(() => 0)
    this.lost = layers.map(() => new Map())
    this.#hasDocuments = layers.map(() => false)
    this.#needsNames = layers.map(
      (layer) => layer.naming === 'env' || (layer.naming === 'stored' && options.isRenamed),
    )
  }

  /** Puts the whole of one layer in place: what it had and `leaves` has not goes away. */
  replace(layer: number, leaves: Iterable<Leaf>): void {
    this.#stamp++
    const isFirst = this.leafCounts[layer] === 0 && !this.#hasDocuments[layer]
    for (const [id, misplaced] of this.misplaced) {
      if (misplaced.layer === layer && misplaced.document === undefined) this.misplaced.delete(id)
    }
    for (const leaf of leaves) this.set(layer, leaf)
    if (!isFirst) this.#removeStale({ nodes: [this.root], names: [] }, layer)
  }

  /** Puts one leaf of one layer in place, or takes it away (`value` undefined). */
  set(layer: number, leaf: Leaf): void {
    const place = this.#place(layer, leaf.path)
    if (typeof place === 'string') {
      this.#setMisplaced(layer, leaf, place)
      return
    }
    const { trail, plan } = place
    const node = trail.nodes.at(-1)!
    const mark = node.documents?.find((document) => document.layer === layer)
    const entry = node.entries?.find((own) => own.layer === layer && own.document === undefined)
    if (leaf.value === undefined) {
      if (mark !== undefined) this.#removeDocument(trail, mark)
      if (entry !== undefined) this.#removeEntry(trail, entry)
      if (mark !== undefined || entry !== undefined) this.#countKey(trail, layer, -1)
      prune(trail)
      return
    }
    const holder = mark ?? entry
    if (holder !== undefined && isEqual(holder.value, leaf.value)) {
      // written again with the value it had: only the revision moves
      holder.revision = leaf.revision
      holder.stamp = this.#stamp
      return
    }
    const document = readDocument(leaf.value, plan)
    if (document.type === 'document') {
      if (entry !== undefined) this.#removeEntry(trail, entry)
      this.#setDocument(trail, { layer, leaf, content: document.content, plan }, mark)
    } else {
      if (mark !== undefined) this.#removeDocument(trail, mark)
      this.#setEntry(trail, this.#entry(layer, document.value, leaf.revision, undefined), plan)
    }
    if (holder === undefined) this.#countKey(trail, layer, 1)
  }

  /** What is in place now was accepted; the guard counts from here. */
  markAccepted(): void {
    for (const entry of this.#fresh) entry.isAccepted = true
    this.#fresh.clear()
    for (const lost of this.lost) lost.clear()
  }

  #entry(layer: number, value: unknown, revision: number, document: DocumentMark | undefined): Entry {
    return { layer, value, revision, document, isAccepted: false, stamp: this.#stamp }
  }

  /** Where a path leads, or why it leads nowhere. Makes the nodes on the way. */
  #place(layer: number, path: string): { trail: Trail; plan: Plan | undefined } | string {
    const names = path === '' ? [] : path.split(this.#layers[layer]!.separator)
    if (names.length > MAX_DEPTH) return `more than ${MAX_DEPTH} levels`
    let plan: Plan | undefined = this.plan
    for (const [index, segment] of names.entries()) {
      const read = this.#readSegment(layer, segment, plan)
      if ('reason' in read) return read.reason
      names[index] = read.name
      plan = plan === undefined ? undefined : childPlan(plan, read.name)
    }
    const nodes = [this.root]
    for (const name of names) nodes.push(childOf(nodes.at(-1)!, name))
    return { trail: { nodes, names }, plan }
  }

  /** Only one way of writing each name is taken: two keys for one place would undo each other, and be shown as one. */
  #readSegment(
    layer: number,
    segment: string,
    plan: Plan | undefined,
  ): { name: string } | { reason: string } {
    const info = this.#layers[layer]!
    let name = segment
    if (info.separator === '/' && segment.includes('%')) {
      const decoded = decodeSegment(segment)
      if (decoded === undefined) return { reason: 'a segment that is not valid percent-encoded UTF-8' }
      const encoded = encodeSegment(decoded)
      if (encoded !== segment) return { reason: `the segment ${segment}, which has to be written ${encoded}` }
      name = decoded
    }
    if (this.#needsNames[layer]) {
      const naming = info.naming === 'env' ? 'env' : 'stored'
      const canonical = canonicalName(plan, name, naming)
      if (canonical === undefined) return { reason: `the segment ${segment}, which is not ${STYLE[naming]}` }
      name = canonical
    }
    return name === '__proto__' ? { reason: PROTO } : { name }
  }

  #setMisplaced(layer: number, leaf: Leaf, reason: string): void {
    const id = `${layer}:${leaf.path}`
    const { path, revision } = leaf
    if (leaf.value === undefined) this.misplaced.delete(id)
    else this.misplaced.set(id, { layer, path, revision, reason, document: undefined })
  }

  #setEntry(trail: Trail, entry: Entry, plan: Plan | undefined): void {
    const node = trail.nodes.at(-1)!
    node.entries ??= []
    const { entries } = node
    const index = entries.findIndex((other) => rank(other) >= rank(entry))
    const old = index < 0 ? undefined : entries[index]
    if (old !== undefined && rank(old) === rank(entry)) {
      this.misfits.delete(old)
      this.#fresh.delete(old)
      entry.isAccepted = old.isAccepted
      entries[index] = entry
      touch(trail, 0)
    } else {
      entries.splice(index < 0 ? entries.length : index, 0, entry)
      this.leafCounts[entry.layer]!++
      touch(trail, 1)
      const lost = this.lost[entry.layer]!
      entry.isAccepted = lost.size > 0 && lost.delete(trail.names.join('/'))
      if (entry.document === undefined) this.#noteCrowded(trail, entry.layer)
    }
    if (!entry.isAccepted) this.#fresh.add(entry)
    const isBare = isNullText(entry.value) || isEmptyObject(entry.value)
    if (plan !== undefined && !isBare && isPureDirectory(plan)) {
      this.misfits.set(entry, [...trail.names])
    }
  }

  #removeEntry(trail: Trail, entry: Entry): void {
    const entries = trail.nodes.at(-1)!.entries!
    entries.splice(entries.indexOf(entry), 1)
    this.misfits.delete(entry)
    this.#fresh.delete(entry)
    this.leafCounts[entry.layer]!--
    touch(trail, -1)
    if (!entry.isAccepted) return
    // a key may have taken over from a document, or the other way round
    const heir = entries.find((other) => other.layer === entry.layer)
    if (heir === undefined) this.lost[entry.layer]!.set(trail.names.join('/'), [...trail.names])
    else {
      heir.isAccepted = true
      this.#fresh.delete(heir)
    }
  }

  /** Notes every node on a new key's way that has a value in the same layer, and the key's own if there are keys below. */
  #noteCrowded({ nodes, names }: Trail, layer: number): void {
    for (const [depth, node] of nodes.entries()) {
      const isOwn = depth === names.length
      const isCrowded = isOwn ? node.leafCount > 1 && node.children !== undefined : hasKey(node, layer)
      if (isCrowded) this.crowded.set(node, names.slice(0, depth))
    }
  }

  /** Spreads a document over the nodes below; what the one before it had and this one has not goes away. */
  #setDocument(
    trail: Trail,
    given: { layer: number; leaf: Leaf; content: object; plan: Plan | undefined },
    before: DocumentMark | undefined,
  ): void {
    const { layer, leaf, content, plan } = given
    const node = trail.nodes.at(-1)!
    const mark: DocumentMark = {
      layer,
      path: [...trail.names],
      value: leaf.value,
      revision: leaf.revision,
      keysBelow: before?.keysBelow ?? countKeysBelow(node, layer),
      stamp: this.#stamp,
    }
    node.documents ??= []
    const { documents } = node
    if (before !== undefined) documents.splice(documents.indexOf(before), 1)
    documents.push(mark)
    documents.sort((a, b) => a.layer - b.layer)
    touch(trail, before === undefined ? 1 : 0)
    this.#hasDocuments[layer] = true
    this.#spread(trail, content, mark, plan)
    if (before !== undefined) {
      this.conflicts.delete(before)
      this.#sweep(trail, before)
    }
    if (mark.keysBelow > 0) this.conflicts.add(mark)
  }

  #spread(trail: Trail, content: object, mark: DocumentMark, plan: Plan | undefined): void {
    const isRenamed = this.#layers[mark.layer]!.naming === 'stored'
    for (const [written, value] of Object.entries(content)) {
      if (value === undefined) continue
      const name = (isRenamed ? canonicalName(plan, written, 'stored') : undefined) ?? written
      if (name === '__proto__') {
        const path = [...trail.names, name].join('/')
        const { layer, revision } = mark
        this.misplaced.set(`${layer}:${path}#`, { layer, path, revision, reason: PROTO, document: mark })
        continue
      }
      const below = plan === undefined ? undefined : childPlan(plan, name)
      const parent = trail.nodes.at(-1)!
      trail.nodes.push(childOf(parent, name))
      trail.names.push(name)
      this.#spreadOne(trail, value, mark, below)
      trail.nodes.pop()
      trail.names.pop()
    }
  }

  #spreadOne(trail: Trail, value: unknown, mark: DocumentMark, plan: Plan | undefined): void {
    const isNested =
      isPlainObject(value) && plan !== undefined && isDirectory(plan) && trail.names.length < MAX_DEPTH
    if (isNested && Object.keys(value).length > 0) {
      this.#spread(trail, value, mark, plan)
      return
    }
    const isSpread = (entry: Entry) => entry.layer === mark.layer && entry.document !== undefined
    const own = trail.nodes.at(-1)!.entries?.find(isSpread)
    if (own !== undefined && isEqual(own.value, value)) own.document = mark
    else this.#setEntry(trail, this.#entry(mark.layer, value, mark.revision, mark), plan)
  }

  #removeDocument(trail: Trail, mark: DocumentMark): void {
    const documents = trail.nodes.at(-1)!.documents!
    documents.splice(documents.indexOf(mark), 1)
    this.conflicts.delete(mark)
    this.#sweep(trail, mark)
    touch(trail, -1)
  }

  /** Takes away every entry below that was spread from `mark`. */
  #sweep(trail: Trail, mark: DocumentMark): void {
    for (const [id, misplaced] of this.misplaced) if (misplaced.document === mark) this.misplaced.delete(id)
    eachBelow(trail, (node) => {
      const entry = node.entries?.find((own) => own.document === mark)
      if (entry !== undefined) this.#removeEntry(trail, entry)
    })
  }

  #removeStale(trail: Trail, layer: number): void {
    const visit = (node: TreeNode) => {
      const mark = node.documents?.find((own) => own.layer === layer && own.stamp !== this.#stamp)
      const isStale = (own: Entry) =>
        own.layer === layer && own.document === undefined && own.stamp !== this.#stamp
      const entry = node.entries?.find(isStale)
      if (mark !== undefined) this.#removeDocument(trail, mark)
      if (entry !== undefined) this.#removeEntry(trail, entry)
      if (mark !== undefined || entry !== undefined) this.#countKey(trail, layer, -1)
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

const STYLE = { stored: 'how that name is written', env: 'in upper case' } as const

function hasKey(node: TreeNode, layer: number): boolean {
  return node.entries?.some((entry) => entry.layer === layer && entry.document === undefined) === true
}

/** Within a layer a key of its own and a leaf out of a document are kept apart, also while they are in conflict. */
function rank(entry: Entry): number {
  return entry.layer * 2 + (entry.document === undefined ? 0 : 1)
}

function childOf(node: TreeNode, name: string): TreeNode {
  node.children ??= new Map()
  const { children } = node
  let child = children.get(name)
  if (child === undefined) {
    child = new TreeNode()
    children.set(name, child)
  }
  return child
}

/** Marks the way from the root as changed. */
function touch(trail: Trail, delta: number): void {
  for (const node of trail.nodes) {
    node.isDirty = true
    node.leafCount += delta
  }
}

/** Drops the end of a trail where nothing is left; what an unchanged parent knows of an absent child is kept. */
function prune(trail: Trail): void {
  for (let depth = trail.names.length; depth > 0; depth--) {
    const node = trail.nodes[depth]!
    const parent = trail.nodes[depth - 1]!
    if (node.leafCount > 0 || (node.plan !== undefined && !parent.isDirty)) return
    parent.children?.delete(trail.names[depth - 1]!)
  }
}

/** Calls `visit` with `trail` standing at each node below its end, deepest first, and drops what that left empty. */
function eachBelow(trail: Trail, visit: (node: TreeNode) => void): void {
  const parent = trail.nodes.at(-1)!
  if (parent.children === undefined) return
  for (const [name, child] of parent.children) {
    if (child.leafCount === 0) continue
    trail.nodes.push(child)
    trail.names.push(name)
    eachBelow(trail, visit)
    visit(child)
    trail.nodes.pop()
    trail.names.pop()
    if (child.leafCount === 0) parent.children.delete(name)
  }
}

function countKeysBelow(node: TreeNode, layer: number): number {
  let count = 0
  for (const child of node.children?.values() ?? []) {
    if (child.leafCount === 0) continue
    if (hasKey(child, layer)) count++
    if (child.documents?.some((document) => document.layer === layer)) count++
    count += countKeysBelow(child, layer)
  }
  return count
}
