import { coverOf } from '../format/cover.ts'
import { type Entry, entriesOf, type TreeNode } from './tree-node.ts'

/** The cover that hides what lower layers have at the end of a way from the root, and how deep it stands on that way. */
export function hiddenBy(
  nodes: readonly TreeNode[],
): { readonly entry: Entry; readonly depth: number } | undefined {
  let found: { readonly entry: Entry; readonly depth: number } | undefined
  for (const [depth, node] of nodes.entries()) {
    if (!node.mayCover) break
    const entry = entriesOf(node).findLast(({ value }) => coverOf(value) !== undefined)
    if (entry !== undefined && entry.layer >= (found?.entry.layer ?? 0)) found = { entry, depth }
  }
  const own = nodes.at(-1)?.top
  const isVisible =
    own !== undefined && coverOf(own.value) === undefined && own.layer >= (found?.entry.layer ?? 0)
  return isVisible ? undefined : found
}
