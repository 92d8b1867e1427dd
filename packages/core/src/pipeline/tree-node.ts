import type { Plan } from '../schema/plan.ts'
import type { JudgedIssue } from './judge.ts'

/** A document (JSON text or a typed object) that stands for the subtree at its node, in one layer. */
export interface DocumentMark {
  readonly layer: number
  readonly path: readonly string[]
  /** As the source gave it. */
  readonly value: unknown
  revision: number
  /** How many leaves of the same layer stand below it as keys of their own; more than 0 is a conflict. */
  keysBelow: number
  /** Which staging saw it last; tells after a replace what is gone. */
  stamp: number
}

/** One layer's value at one node. Those of a node are chained, since most have one and a list would cost more than it. */
export interface Entry {
  readonly layer: number
  value: unknown
  revision: number
  /** The document it was spread from, if it is no key of its own. */
  document: DocumentMark | undefined
  /** The era it came in; an era ends when a tree is accepted. Losing many of earlier ones at once is what the guard looks at. */
  era: number
  stamp: number
  /** That of the next lower layer. */
  below: Entry | undefined
}

/**
 * One position of the tree, with what every layer has there, and what was made of it the last time. `isDirty` is set on
 * the whole way from the root when something below changed; all else may be used again.
 */
export class TreeNode {
  children: Map<string, TreeNode> | undefined = undefined
  /** The highest layer's entry; at most one for each layer, but for documents and keys in conflict. */
  top: Entry | undefined = undefined
  documents: DocumentMark[] | undefined = undefined
  /** Entries and documents at this node and below, over all layers. */
  leafCount = 0

  isDirty = true
  /** The plan that judged the node last. */
  plan: Plan | undefined = undefined
  /** Only layers above this one counted when it was judged. */
  floor = -1
  isValid = false
  /** Put together from its children, so that what is wrong may stand at them. */
  isComposed = false
  /** Whether a parent object has a property for it; false is an absent optional one. */
  isHeld = false
  value: unknown = undefined
  issues: readonly JudgedIssue[] | undefined = undefined
}

/** The entry of the highest layer above `floor`. */
export function topEntry(node: TreeNode, floor: number): Entry | undefined {
  const entry = node.top
  return entry !== undefined && entry.layer > floor ? entry : undefined
}

/** All that the layers have at the node itself, the lowest first. */
export function entriesOf(node: TreeNode): Entry[] {
  const entries: Entry[] = []
  for (let entry = node.top; entry !== undefined; entry = entry.below) entries.push(entry)
  return entries.reverse()
}

/** The entry of a layer's own key at the node, as against a leaf out of a document. */
export function keyEntry(node: TreeNode, layer: number): Entry | undefined {
  let entry = node.top
  while (entry !== undefined && (entry.layer !== layer || entry.document !== undefined)) entry = entry.below
  return entry
}

/** Puts an entry in the place of the one of its layer and document, which is handed back, or in a place of its own. */
export function insertEntry(node: TreeNode, entry: Entry): Entry | undefined {
  const isOwn = (at: Entry) => at.layer === entry.layer && at.document === entry.document
  let above: Entry | undefined
  let at = node.top
  while (at !== undefined && rank(at) >= rank(entry) && !isOwn(at)) {
    above = at
    at = at.below
  }
  const old = at !== undefined && isOwn(at) ? at : undefined
  entry.below = old === undefined ? at : old.below
  if (above === undefined) node.top = entry
  else above.below = entry
  return old
}

/** Takes out an entry that the node has. */
export function removeEntry(node: TreeNode, entry: Entry): void {
  if (node.top === entry) {
    node.top = entry.below
    return
  }
  let above = node.top!
  while (above.below !== entry) above = above.below!
  above.below = entry.below
}

/** Within a layer a key of its own and leaves out of documents are kept apart, also while they are in conflict. */
function rank(entry: Entry): number {
  return entry.layer * 2 + (entry.document === undefined ? 0 : 1)
}

/** Whether any layer above `floor` has something at the node or below. */
export function isPresent(node: TreeNode, floor: number): boolean {
  if (node.leafCount === 0) return false
  return floor < 0 || topLayer(node) > floor
}

/** The highest layer that has anything at the node or below; −1 if none has. */
export function topLayer(node: TreeNode): number {
  let top = Math.max(node.top?.layer ?? -1, node.documents?.at(-1)?.layer ?? -1)
  if (node.children !== undefined && node.leafCount > 0) {
    for (const child of node.children.values()) top = Math.max(top, topLayer(child))
  }
  return top
}

/** The node at `path`, if there is one. */
export function nodeAt(root: TreeNode, path: readonly (string | number)[]): TreeNode | undefined {
  let node: TreeNode | undefined = root
  for (const segment of path) node = node?.children?.get(String(segment))
  return node
}
