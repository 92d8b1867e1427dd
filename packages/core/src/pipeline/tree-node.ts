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

/** One layer's value at one node. */
export interface Entry {
  readonly layer: number
  value: unknown
  revision: number
  /** The document it was spread from, if it is no key of its own. */
  document: DocumentMark | undefined
  /** The era it came in; an era ends when a tree is accepted. Losing many of earlier ones at once is what the guard looks at. */
  era: number
  stamp: number
}

/**
 * One position of the tree, with what every layer has there, and what was made of it the last time. `isDirty` is set on
 * the whole way from the root when something below changed; all else may be used again.
 */
export class TreeNode {
  children: Map<string, TreeNode> | undefined = undefined
  /** By layer, lowest first; at most one for each, but for a document and a key in conflict. */
  entries: Entry[] | undefined = undefined
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
  const entry = node.entries?.at(-1)
  return entry !== undefined && entry.layer > floor ? entry : undefined
}

/** Whether any layer above `floor` has something at the node or below. */
export function isPresent(node: TreeNode, floor: number): boolean {
  if (node.leafCount === 0) return false
  return floor < 0 || topLayer(node) > floor
}

/** The highest layer that has anything at the node or below; −1 if none has. */
export function topLayer(node: TreeNode): number {
  let top = Math.max(node.entries?.at(-1)?.layer ?? -1, node.documents?.at(-1)?.layer ?? -1)
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
