import { canonicalName, childPlan, isDirectory, isPureDirectory, type Plan } from '../schema/plan.ts'
import type { LayerInfo, Leaf } from '../source/source.ts'
import { decodeSegment, isPlainObject, MAX_DEPTH, readDocument } from './document.ts'
import { isEqual } from './share.ts'
import { type DocumentMark, type Entry, TreeNode } from './tree-node.ts'

/** A key that has no place in any tree: a segment that cannot be decoded, or a name no plain object can hold. */
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
  /** Leaves of each layer, those spread from documents counted one by one. */
  readonly leafCounts: number[]
  /** Leaves of the last accepted tree that are gone, for each layer, by path. */
  readonly lost: readonly Set<string>[]

  readonly #plan: Plan
  readonly #layers: readonly LayerInfo[]
  readonly #hasDocuments: boolean[]
  readonly #needsNames: readonly boolean[]
  #fresh: Entry[] = []
  #stamp = 0

  constructor(plan: Plan, layers: readonly LayerInfo[], options: { isRenamed: boolean }) {
    this.#plan = plan
    this.#layers = layers
    this.leafCounts = layers.map(() => 0)
    this.lost = layers.map(() => new Set())
    this.#hasDocuments = layers.map(() => false)
    this.#needsNames = layers.map(
      (layer) => layer.naming === 'env' || (layer.naming === 'stored' && options.isRenamed),
    )
  }

  /** Puts the whole of one layer in place: what it had and `leaves` has not goes away. */
  replace(layer: number, leaves: Iterable<Leaf>): void {
    this.#stamp++
    const isFirst = this.leafCounts[layer] === 0 && !this.#hasDocuments[layer]
    for (const leaf of leaves) this.set(layer, leaf)
    if (isFirst) return
    for (const [id, misplaced] of this.misplaced) {
      if (misplaced.layer === layer && misplaced.document === undefined) this.misplaced.delete(id)
    }
    for (const leaf of leaves) this.#setIfMisplaced(layer, leaf)
    this.#removeStale({ nodes: [this.root], names: [] }, layer)
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
    this.#fresh = []
    for (const lost of this.lost) lost.clear()
  }

  #entry(layer: number, value: unknown, revision: number, document: DocumentMark | undefined): Entry {
    return { layer, value, revision, document, isAccepted: false, stamp: this.#stamp }
  }

  /** Where a path leads, or why it leads nowhere. Makes the nodes on the way. */
  #place(layer: number, path: string): { trail: Trail; plan: Plan | undefined } | string {
    const info = this.#layers[layer]!
    const names = path === '' ? [] : path.split(info.separator)
    if (names.length > MAX_DEPTH) return `deeper than ${MAX_DEPTH} levels`
    const nodes = [this.root]
    let plan: Plan | undefined = this.#plan
    let node = this.root
    for (let index = 0; index < names.length; index++) {
      let name = names[index]!
      if (info.separator === '/' && name.includes('%')) {
        const decoded = decodeSegment(name)
        if (decoded === undefined) return 'a segment that is not valid percent-encoded UTF-8'
        name = decoded
      }
      if (this.#needsNames[layer]) name = canonicalName(plan, name, info.naming === 'env' ? 'env' : 'stored')
      if (name === '__proto__') return PROTO
      names[index] = name
      plan = plan === undefined ? undefined : childPlan(plan, name)
      node = childOf(node, name)
      nodes.push(node)
    }
    return { trail: { nodes, names }, plan }
  }

  #setIfMisplaced(layer: number, leaf: Leaf): void {
    if (!leaf.path.includes('__proto__') && !leaf.path.includes('%')) return
    const place = this.#place(layer, leaf.path)
    if (typeof place === 'string') this.#setMisplaced(layer, leaf, place)
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
      entry.isAccepted = old.isAccepted
      entries[index] = entry
      touch(trail, 0)
    } else {
      entries.splice(index < 0 ? entries.length : index, 0, entry)
      this.leafCounts[entry.layer]!++
      touch(trail, 1)
      const lost = this.lost[entry.layer]!
      entry.isAccepted = lost.size > 0 && lost.delete(trail.names.join('/'))
    }
    if (!entry.isAccepted) this.#fresh.push(entry)
    if (plan !== undefined && entry.value !== null && entry.value !== 'null' && isPureDirectory(plan)) {
      this.misfits.set(entry, [...trail.names])
    }
  }

  #removeEntry(trail: Trail, entry: Entry): void {
    const entries = trail.nodes.at(-1)!.entries!
    entries.splice(entries.indexOf(entry), 1)
    this.misfits.delete(entry)
    this.leafCounts[entry.layer]!--
    if (entry.isAccepted) this.lost[entry.layer]!.add(trail.names.join('/'))
    touch(trail, -1)
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
      const name = isRenamed ? canonicalName(plan, written, 'stored') : written
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
    if (child.entries?.some((entry) => entry.layer === layer && entry.document === undefined)) count++
    if (child.documents?.some((document) => document.layer === layer)) count++
    count += countKeysBelow(child, layer)
  }
  return count
}
