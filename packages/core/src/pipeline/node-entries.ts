import type { Entry, TreeNode } from './tree-node.ts'

/** Puts an entry in the place of the one of its layer and document, which is handed back, or in a place of its own. */
export function insertEntry(node: TreeNode, entry: Entry): Entry | undefined {
  if (node.top === undefined) {
    node.top = entry
    return undefined
  }
  let above: Entry | undefined
  let at: Entry | undefined = node.top
  while (at !== undefined && rank(at) >= rank(entry) && !isOfSame(at, entry)) {
    above = at
    at = at.below
  }
  const old = at !== undefined && isOfSame(at, entry) ? at : undefined
  entry.below = old === undefined ? at : old.below
  if (above === undefined) node.top = entry
  else above.below = entry
  return old
}

function isOfSame(a: Entry, b: Entry): boolean {
  return a.layer === b.layer && a.document === b.document
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
