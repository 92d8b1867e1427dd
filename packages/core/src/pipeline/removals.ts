import { schemaNodeAt } from '../schema/describe.ts'
import { isMadeWhenAbsent } from '../schema/directory.ts'
import { isEmptyObject } from './document.ts'
import type { LayerTree } from './layer-tree.ts'
import { type Losses, namesOfLoss } from './losses.ts'
import type { Path } from '../issue.ts'
import { comparePaths } from './name-order.ts'
import { nodeAt } from './trail.ts'
import { entriesOf, keyEntry, type TreeNode } from './tree-node.ts'

/** How much is gone that the source has not allowed: in the staged tree, and in earlier ones of the window. */
export function goneCount(losses: Losses, layers: readonly number[]): number {
  const counts = layers.map((layer) => {
    const { lost, recent, back, forgiven } = losses.of(layer)
    return lost.size + recent.size - back.size - forgiven.size
  })
  return sum(counts)
}

/** Directories that the schema requires and that this change has emptied, with how much they have lost, in the order of their paths. */
export function emptied(
  { losses, root, schemaNode }: LayerTree,
  layers: readonly number[],
  minRemoved: number,
): Iterable<{ path: Path; count: number }> {
  const found = new Map<string, { path: Path; count: number }>()
  if (goneCount(losses, layers) < minRemoved) return []
  const isEmpty = emptyTest()
  const count = (key: string, isFirst: boolean) => {
    const path = namesOfLoss(key)
    const top = path.slice(0, depthOfEmpty(root, path, isEmpty))
    const isSubtree = top.length > 0 && top.length < path.length
    const at = isSubtree ? schemaNodeAt(schemaNode, top) : undefined
    if (at === undefined || !isMadeWhenAbsent(at)) return
    const id = JSON.stringify(top)
    const known = found.get(id)
    if (known !== undefined || isFirst) found.set(id, { path: top, count: (known?.count ?? 0) + 1 })
  }
  for (const layer of layers) for (const key of losses.of(layer).lost) count(key, true)
  for (const layer of layers) for (const key of losses.earlier(layer)) count(key, false)
  // Leaves are noted when they are removed; the report is the same whatever the history.
  return [...found.values()]
    .filter((each) => each.count >= minRemoved)
    .sort((one, other) => comparePaths(one.path, other.path))
}

/** The number of lost leaves that another value replaces. */
export function replacedCount(tree: LayerTree, layers: readonly number[], all = layers): number {
  return sum(layers.map((layer) => replacedIn(tree, layer, all).length))
}

/** The lost leaves of a layer that another value replaces. */
export function replacedIn(tree: LayerTree, layer: number, all: readonly number[]): readonly string[] {
  return [...tree.losses.of(layer).lost].filter((key) => hasReplacement(tree, layer, key, all))
}

/** The number of lost leaves that one value above them replaces. Those that moved to another layer still count there. */
export function absorbedCount({ losses, root }: LayerTree, layers: readonly number[]): number {
  const isAbsorbed = (key: string, layer: number) => hasValueAbove(root, namesOfLoss(key), layer)
  return sum(layers.map((layer) => [...losses.of(layer).lost].filter((key) => isAbsorbed(key, layer)).length))
}

/**
 * Whether another value replaces a leaf that a layer has lost: one value in the place of all that was around it, be it
 * text that cannot be read, or the same leaf in another of the source's layers.
 */
export function hasReplacement(tree: LayerTree, layer: number, key: string, all: readonly number[]): boolean {
  const names = namesOfLoss(key)
  return hasValueAbove(tree.root, names, layer) || isMoved(tree, names, all)
}

function isMoved({ losses, root }: LayerTree, names: readonly string[], layers: readonly number[]): boolean {
  const node = nodeAt(root, names)
  if (node === undefined) return false
  return entriesOf(node).some((entry) => layers.includes(entry.layer) && losses.isNew(entry))
}

/** Whether a layer has a value of its own on the way to a place: what stood below is written there as one. */
function hasValueAbove(root: TreeNode, names: readonly string[], layer: number): boolean {
  let node: TreeNode | undefined = root
  for (const name of names) {
    if (node === undefined) return false
    const own = node.top === undefined ? undefined : keyEntry(node, layer)
    if (own !== undefined && !isEmptyObject(own.value)) return true
    node = node.child(name)
  }
  return false
}

/** Whether a node is without anything that the schema reads. To be asked of one state of the tree: each node is looked at once. */
function emptyTest(): (node: TreeNode) => boolean {
  const known = new Map<TreeNode, boolean>()
  const look = (node: TreeNode): boolean => {
    if (node.leafCount === 0) return true
    if (node.documents !== undefined && node.documents.length > 0) return false
    if (entriesOf(node).some((entry) => entry.isUnread !== true)) return false
    for (const child of node.children) if (!isEmpty(child)) return false
    return true
  }
  const isEmpty = (node: TreeNode): boolean => {
    const answer = known.get(node) ?? look(node)
    known.set(node, answer)
    return answer
  }
  return isEmpty
}

/** How far down a path the first node that `isEmpty` is. */
function depthOfEmpty(root: TreeNode, path: readonly string[], isEmpty: (node: TreeNode) => boolean): number {
  let node: TreeNode | undefined = root
  let depth = 0
  for (const name of path) {
    if (node === undefined || isEmpty(node)) return depth
    node = node.child(name)
    depth++
  }
  return path.length
}

/** The number of leaves that are gone and allowed to be, of the last accepted tree. */
export function allowedCount(losses: Losses, layers: readonly number[]): number {
  return sum(layers.map((layer) => losses.of(layer).allowed.size))
}

/** Whether anything is allowed to be gone that an earlier tree of the window has lost. */
export function isForgiven(losses: Losses, layers: readonly number[]): boolean {
  return layers.some((layer) => losses.of(layer).forgiven.size > 0)
}

/** The number of leaves in the staged tree. */
export function leafCount(losses: Losses, layers: readonly number[]): number {
  return sum(layers.map((layer) => losses.of(layer).count))
}

/** All of them together. */
export function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0)
}
