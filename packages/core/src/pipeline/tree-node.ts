import type { RawIssue } from './validate.ts'
import { coverOf } from '../format/cover.ts'
import { byName, ChildMap, type Children, isAfterAll, withChild } from './child-map.ts'

/** A document (JSON text or a typed object) that stands for the subtree at its node, in one layer. */
export interface DocumentMark {
  readonly layer: number
  readonly path: readonly string[]
  /** As the source gave it. */
  readonly value: unknown
  revision: number
  /** How many leaves of the same layer stand below it as keys of their own; more than 0 is a conflict. */
  keysBelow: number
  /** It, or a part of it, is encrypted; left out where nothing is. */
  isEncrypted?: true
}

/** One layer's value at one node. Those of a node are chained, since most have one and a list would cost more than it. */
export interface Entry {
  readonly layer: number
  value: unknown
  revision: number
  /** The document it was spread from; left out of a key of its own, to save the room. */
  document?: DocumentMark
  /** True where no schema knows the place; left out where one does, to save the room. */
  isUnread?: true
  /** What the source gave, where `value` was opened from it; left out where both are the same, to save the room. */
  given?: unknown
  /** The entry of the next lower layer. */
  below: Entry | undefined
}

/** What was made of a node the last time; see `TreeNode.restore`. */
export interface NodeState {
  readonly validation: number
  readonly result: unknown
}

/** Validation state packed into one number: flag bits, then the lowest layer considered. */
const DIRTY = 1
const VALID = 2
const COMPOSED = 4
const HELD = 8
/** Not a validation result: there is, or was, a cover here or below. */
const COVERING = 16
/** Not a validation result; see `markFixed`. */
const FIXED = 32
const LAYER_SHIFT = 6

const NONE: Children<TreeNode> = []

/**
 * One position of the tree, with what every layer has there, and what was made of it the last time. `isDirty` is set on
 * the whole way from the root when something below changed; all else may be used again. A node is only ever judged by
 * the schema node at its path. A tree has one for every leaf, so it is kept small: without private methods, which cost a field.
 */
export class TreeNode {
  readonly name: string
  /** The highest layer's entry; at most one for each layer, but for documents and keys in conflict. */
  top: Entry | undefined = undefined
  documents: DocumentMark[] | undefined = undefined
  /** Entries and documents at this node and below, over all layers. */
  leafCount = 0
  #children: Children<TreeNode> = NONE
  #validation = DIRTY
  /** The value if it is valid, else the issues. */
  #result: unknown = undefined

  constructor(name: string) {
    this.name = name
  }

  /** In the order of their names, however they came. Those that are dropped on the way are not met again. */
  get children(): Iterable<TreeNode> {
    const children = this.#children
    if (!(children instanceof ChildMap)) return children
    if (children.isSorted) return children.values()
    this.#children = new ChildMap(Array.from(children.values()).sort(byName))
    return this.#children.values()
  }

  get childCount(): number {
    return this.#children instanceof ChildMap ? this.#children.size : this.#children.length
  }

  child(name: string): TreeNode | undefined {
    const children = this.#children
    if (children instanceof ChildMap) return children.get(name)
    for (const child of children) if (child.name === name) return child
    return undefined
  }

  /** The child of that name; made where there is none. */
  makeChild(name: string): TreeNode {
    const known = isAfterAll(this.#children, name) ? undefined : this.child(name)
    if (known !== undefined) return known
    const child = new TreeNode(name)
    this.#children = withChild(this.#children, child)
    return child
  }

  /** Takes a child that was dropped back in the place of another of its name. */
  adopt(child: TreeNode): void {
    const other = this.child(child.name)
    if (other === child) return
    if (other !== undefined) this.dropChild(other)
    this.#children = withChild(this.#children, child)
  }

  dropChild(child: TreeNode): void {
    if (this.#children instanceof ChildMap) this.#children.delete(child.name)
    else this.#children = this.#children.filter((other) => other !== child)
  }

  get isDirty(): boolean {
    return (this.#validation & DIRTY) !== 0
  }

  get isValid(): boolean {
    return (this.#validation & VALID) !== 0
  }

  /** Put together from its children, so that what is wrong may stand at them. */
  get isComposed(): boolean {
    return (this.#validation & COMPOSED) !== 0
  }

  /** Whether a parent object has a property for it; false is an absent optional one. */
  get isHeld(): boolean {
    return (this.#validation & HELD) !== 0
  }

  get value(): unknown {
    return this.isValid ? this.#result : undefined
  }

  get issues(): readonly RawIssue[] {
    return this.isValid || this.#result === undefined ? [] : (this.#result as readonly RawIssue[])
  }

  /** Whether its validation result still holds where only layers above `aboveLayer` count. */
  isFresh(aboveLayer: number): boolean {
    return !this.isDirty && this.#validation >> LAYER_SHIFT === aboveLayer + 1
  }

  markDirty(): void {
    this.#validation |= DIRTY
  }

  /** Whether a layer may hide what lower ones have, here or below. */
  get mayCover(): boolean {
    return (this.#validation & COVERING) !== 0
  }

  markCovering(): void {
    this.#validation |= COVERING
  }

  /** Whether it stays when it is empty. */
  get isFixed(): boolean {
    return (this.#validation & FIXED) !== 0
  }

  /** It stays when it is empty, with what was made of its absent children: an object that the schema makes of nothing. */
  markFixed(): void {
    this.#validation |= FIXED
  }

  /** Until more is said it is not valid. */
  begin(aboveLayer: number): void {
    this.#validation = ((aboveLayer + 1) << LAYER_SHIFT) | (this.#validation & (COVERING | FIXED))
    this.#result = undefined
  }

  markComposed(): void {
    this.#validation |= COMPOSED
  }

  keep(value: unknown, isHeld = true): void {
    this.#validation |= isHeld ? VALID | HELD : VALID
    this.#result = value
  }

  refuse(issues: readonly RawIssue[]): void {
    this.#result = issues
  }

  /** What was made of it, to be restored after a trial. */
  get state(): NodeState {
    return { validation: this.#validation, result: this.#result }
  }

  /** What was made of it holds again: it and all below it hold what they held then. */
  restore({ validation, result }: NodeState): void {
    this.#validation = validation | (this.#validation & FIXED)
    this.#result = result
  }
}

/** The entry of the highest layer above `aboveLayer`, unless that hides what there is. */
export function topEntry(node: TreeNode, aboveLayer: number): Entry | undefined {
  const entry = node.top
  if (entry === undefined || entry.layer <= aboveLayer) return undefined
  return node.mayCover && coverOf(entry.value) !== undefined ? undefined : entry
}

/** The layer above which layers count at a node and below it: a cover hides the layers under its own. */
export function visibleAbove(node: TreeNode, aboveLayer: number): number {
  if (!node.mayCover) return aboveLayer
  let entry = node.top
  while (entry !== undefined && entry.layer > aboveLayer && coverOf(entry.value) === undefined)
    entry = entry.below
  return entry !== undefined && entry.layer > aboveLayer ? entry.layer - 1 : aboveLayer
}

/** All that the layers have at the node itself, the lowest first. */
export function entriesOf(node: TreeNode): Entry[] {
  const entries: Entry[] = []
  for (let entry = node.top; entry !== undefined; entry = entry.below) entries.push(entry)
  return entries.reverse()
}

/** The document that a layer has at the node. */
export function documentOf(node: TreeNode, layer: number): DocumentMark | undefined {
  return node.documents?.find((document) => document.layer === layer)
}

/** The entry of a layer's own key at the node, as against a leaf out of a document. */
export function keyEntry(node: TreeNode, layer: number): Entry | undefined {
  let entry = node.top
  while (entry !== undefined && (entry.layer !== layer || entry.document !== undefined)) entry = entry.below
  return entry
}

/** Whether any layer above `aboveLayer` has something at the node or below. */
export function isPresent(node: TreeNode, aboveLayer: number): boolean {
  if (node.leafCount === 0) return false
  if (node.mayCover) return isPresentBesideCovers(node, aboveLayer)
  return aboveLayer < 0 || topLayer(node) > aboveLayer
}

/** The first thing that counts is enough. */
function isPresentBesideCovers(node: TreeNode, aboveLayer: number): boolean {
  const above = visibleAbove(node, aboveLayer)
  const { top } = node
  if (top !== undefined && top.layer > above && coverOf(top.value) !== 'remove') return true
  if ((node.documents?.at(-1)?.layer ?? -1) > above) return true
  for (const child of node.children) if (isPresent(child, above)) return true
  return false
}

/** Whether any layer above `aboveLayer` has a key at the node or below, be it one that only hides others. */
export function hasKey(node: TreeNode, aboveLayer: number): boolean {
  if (node.leafCount === 0) return false
  if ((node.top?.layer ?? -1) > aboveLayer || (node.documents?.at(-1)?.layer ?? -1) > aboveLayer) return true
  for (const child of node.children) if (hasKey(child, aboveLayer)) return true
  return false
}

/** The highest layer that has anything at the node or below, and counts; −1 if none has. */
export function topLayer(node: TreeNode, aboveLayer = -1): number {
  const above = visibleAbove(node, aboveLayer)
  let entry = node.top
  while (node.mayCover && entry !== undefined && coverOf(entry.value) === 'remove') entry = entry.below
  let top = Math.max(entry?.layer ?? -1, node.documents?.at(-1)?.layer ?? -1)
  if (node.leafCount > 0) for (const child of node.children) top = Math.max(top, topLayer(child, above))
  return top > above ? top : -1
}
