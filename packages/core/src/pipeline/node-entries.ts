import type { Entry, TreeNode } from './tree-node.ts'

/** Puts an entry in the place of the one of its layer and document, which is handed back, or in a place of its own. */
export function insertEntry(node: TreeNode, entry: Entry): Entry | undefined {
  if (node.top === undefined) {
    node.top = entry
    return undefined
  }
  const isOwn = (at: Entry) => at.layer === entry.layer && at.document === entry.document
  let above: Entry | undefined
  let at: Entry | undefined = node.top
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
  let above = node.top
  while (above !== undefined && above.below !== entry) above = above.below
  if (above !== undefined) above.below = entry.below
}

/** Within a layer a key of its own and leaves out of documents are kept apart, also while they are in conflict. */
function rank(entry: Entry): number {
  return entry.layer * 2 + (entry.document === undefined ? 0 : 1)
}
