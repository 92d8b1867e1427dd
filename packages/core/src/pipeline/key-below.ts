import { documentOf, keyEntry, type TreeNode } from './tree-node.ts'

/** The first key of a layer, by its name, below a node that is at `path`. */
export function firstKeyBelow(
  node: TreeNode,
  layer: number,
  path: readonly string[],
): { path: readonly string[]; revision: number } | undefined {
  for (const child of node.children) {
    if (child.leafCount === 0) continue
    const at = [...path, child.name]
    const own = keyEntry(child, layer) ?? documentOf(child, layer)
    if (own !== undefined) return { path: at, revision: own.revision }
    const deeper = firstKeyBelow(child, layer, at)
    if (deeper !== undefined) return deeper
  }
  return undefined
}

/** How many keys of a layer stand below a node, documents as one. */
export function countKeysBelow(node: TreeNode, layer: number): number {
  let count = 0
  for (const child of node.children) {
    if (child.leafCount === 0) continue
    if (keyEntry(child, layer) !== undefined) count++
    if (child.documents?.some((document) => document.layer === layer)) count++
    count += countKeysBelow(child, layer)
  }
  return count
}
