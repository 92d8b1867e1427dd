import type { TreeNode } from './tree-node.ts'

/** The way from the root to a node: `nodes` is one longer than `names`. */
export interface Trail {
  readonly nodes: TreeNode[]
  readonly names: string[]
}

/** Marks the way from the root as changed. */
export function touch(trail: Trail, delta: number): void {
  for (const node of trail.nodes) {
    node.markDirty()
    node.leafCount += delta
  }
}

/** Drops the end of a trail where nothing is left; what was judged of an absent child, and still holds, is kept. */
export function prune({ nodes }: Trail): void {
  for (let depth = nodes.length - 1; depth > 0; depth--) {
    const node = nodes[depth]!
    if (node.leafCount > 0 || !node.isDirty) return
    nodes[depth - 1]!.dropChild(node)
  }
}

/** Calls `visit` with `trail` standing at each node below its end, deepest first, and drops what that left empty. */
export function eachBelow(trail: Trail, visit: (node: TreeNode) => void): void {
  const parent = trail.nodes.at(-1)!
  for (const child of parent.children) {
    if (child.leafCount === 0) continue
    trail.nodes.push(child)
    trail.names.push(child.name)
    eachBelow(trail, visit)
    visit(child)
    trail.nodes.pop()
    trail.names.pop()
    if (child.leafCount === 0) parent.dropChild(child)
  }
}
