import type { TreeNode } from './tree-node.ts'
import { dropEmpty, type TrialJournal } from './trial-journal.ts'

/** The way from the root to a node; it is moved from node to node. */
export class Trail {
  readonly root: TreeNode
  /** From the root to the end: one more than `names`. */
  readonly nodes: TreeNode[]
  readonly names: string[] = []
  #end: TreeNode

  constructor(root: TreeNode) {
    this.root = root
    this.nodes = [root]
    this.#end = root
  }

  /** The node it leads to. */
  get end(): TreeNode {
    return this.#end
  }

  /** Moves on to a child of the end. */
  enter(child: TreeNode): void {
    this.nodes.push(child)
    this.names.push(child.name)
    this.#end = child
  }

  /** Moves back to the parent of the end; stays at the root. */
  leave(): void {
    if (this.names.length === 0) return
    this.nodes.pop()
    this.names.pop()
    this.#end = this.nodes.at(-1) ?? this.root
  }
}

/** Marks the way from the root as changed. */
export function touch(trail: Trail, delta: number, journal: TrialJournal): void {
  for (const node of trail.nodes) {
    journal.note(node).markDirty()
    node.leafCount += delta
  }
}

/** Drops the end of a trail where nothing is left; see `dropEmpty`. */
export function prune({ nodes }: Trail, journal: TrialJournal): void {
  if (!journal.keeps(nodes)) dropEmpty(nodes, (parent, child) => parent.dropChild(child))
}

/** Calls `visit` with `trail` leading to each node below its end, deepest first, and drops what that left empty. */
export function eachBelow(trail: Trail, visit: (node: TreeNode) => void, journal: TrialJournal): void {
  const parent = trail.end
  for (const child of parent.children) {
    if (child.leafCount === 0) continue
    trail.enter(child)
    eachBelow(trail, visit, journal)
    visit(child)
    trail.leave()
    if (child.leafCount > 0 || child.isFixed) continue
    if (!journal.keeps([...trail.nodes, child])) parent.dropChild(child)
  }
}

/** The node at `path`, if there is one. */
export function nodeAt(root: TreeNode, path: readonly (string | number)[]): TreeNode | undefined {
  let node: TreeNode | undefined = root
  for (const segment of path) node = node?.child(String(segment))
  return node
}
