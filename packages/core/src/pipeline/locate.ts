import { childSchemaNode } from '../schema/child-node.ts'
import { coreOf, type SchemaNode } from '../schema/schema-node.ts'
import { listedChildren } from './list-order.ts'
import { topLayer, type TreeNode } from './tree-node.ts'

/** Nodes from the root on, and the names between them: one name less than nodes. */
export interface Located {
  readonly nodes: readonly TreeNode[]
  readonly names: readonly string[]
}

/** The node that has what a path speaks of, where it is, and the nodes on the way to it. */
export interface Holder {
  readonly node: TreeNode
  readonly at: readonly string[]
  readonly above: readonly TreeNode[]
}

/** The names of lists' items in their order, kept while one tree is spoken of: much may be wrong in one list. */
export type ListNames = Map<TreeNode, readonly string[]>

/**
 * The way to what a path leads to; it ends early where the tree has nothing. The index of a list's item leads to the child
 * that was read as that item, whatever its name.
 */
export function locate(
  schemaNode: SchemaNode,
  root: TreeNode,
  path: readonly (string | number)[],
  lists: ListNames,
): Located {
  let node = root
  const nodes = [root]
  const names: string[] = []
  let at: SchemaNode | undefined = schemaNode
  for (const segment of path) {
    const name: string | undefined = isListAt(at, segment)
      ? nameOfItem(node, Number(segment), lists)
      : String(segment)
    const child: TreeNode | undefined = name === undefined ? undefined : node.child(name)
    if (name === undefined || child === undefined) break
    names.push(name)
    nodes.push(child)
    node = child
    at = at === undefined ? undefined : childSchemaNode(at, name)
  }
  return { nodes, names }
}

/** zod numbers the items of lists; a number is the key of a map as well. */
function isListAt(schemaNode: SchemaNode | undefined, segment: string | number): boolean {
  if (schemaNode === undefined) return false
  const core = coreOf(schemaNode)
  return core.type === 'list' || (core.type === 'union' && typeof segment === 'number')
}

function nameOfItem(node: TreeNode, index: number, lists: ListNames): string | undefined {
  let names = lists.get(node)
  if (names === undefined) {
    names = listedChildren(node, topLayer(node)).map((child) => child.name)
    lists.set(node, names)
  }
  return names[index]
}
