import { isOpenAt } from '../schema/describe.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import { type LayerInfo, type Leaf, Unreadable } from '../source/source.ts'
import { storedPath } from './stored-path.ts'
import { keyEntry, type TreeNode } from './tree-node.ts'

/** Which leaves are meant; both default to false. */
export interface LeafChoice {
  /** Without secrets, what the schema does not know is left out too. */
  readonly withSecrets?: boolean
  readonly withUnreadable?: boolean
}

/** One layer's leaves as its source gave them, documents whole, but for those that have no place in the tree. */
export function leavesOf(
  schemaNode: SchemaNode,
  root: TreeNode,
  layer: number,
  info: LayerInfo,
  { withSecrets = false, withUnreadable = false }: LeafChoice,
): readonly Leaf[] {
  const leaves: Leaf[] = []
  const visit = (node: TreeNode, path: readonly string[]): void => {
    if (node.leafCount === 0) return
    const own = node.documents?.find((document) => document.layer === layer) ?? keyEntry(node, layer)
    if (
      own !== undefined &&
      (withUnreadable || !(own.value instanceof Unreadable)) &&
      (withSecrets || isOpenAt(schemaNode, path))
    ) {
      leaves.push({ path: storedPath(schemaNode, path, info), value: own.value, revision: own.revision })
    }
    for (const child of node.children) visit(child, [...path, child.name])
  }
  visit(root, [])
  return leaves
}
