import { TreeNode } from './tree-node.ts'

/** The way from the root to a node: `nodes` is one longer than `names`. */
export interface Trail {
  readonly nodes: TreeNode[]
  readonly names: string[]
}

/** The child of a node; made where there is none. */
export function childOf(node: TreeNode, name: string): TreeNode {
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
export function touch(trail: Trail, delta: number): void {
  for (const node of trail.nodes) {
    node.isDirty = true
    node.leafCount += delta
  }
}

/** Drops the end of a trail where nothing is left; what an unchanged parent knows of an absent child is kept. */
export function prune(trail: Trail): void {
  for (let depth = trail.names.length; depth > 0; depth--) {
    const node = trail.nodes[depth]!
    const parent = trail.nodes[depth - 1]!
    if (node.leafCount > 0 || (node.plan !== undefined && !parent.isDirty)) return
    parent.children?.delete(trail.names[depth - 1]!)
  }
}

/** Calls `visit` with `trail` standing at each node below its end, deepest first, and drops what that left empty. */
export function eachBelow(trail: Trail, visit: (node: TreeNode) => void): void {
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
