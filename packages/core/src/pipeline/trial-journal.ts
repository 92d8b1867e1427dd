import type { NodeState, TreeNode } from './tree-node.ts'

type Way = readonly TreeNode[]

/**
 * Lets a trial change the tree and leave no trace. While it is open it notes what had been validated of each node before
 * the trial reached it, and keeps the nodes that the trial empties: so a node that is filled again is the same node, and
 * what was validated of it holds again. Costs what the trial touches.
 */
export class TrialJournal {
  #states: Map<TreeNode, NodeState> | undefined = undefined
  /** Ways from the root whose ends may be empty now. */
  #ways: Way[] = []
  #hidden: { readonly parent: TreeNode; readonly child: TreeNode }[] = []

  begin(): void {
    this.#states = new Map()
  }

  /** The validation of a node is about to change. Returns the node. */
  note(node: TreeNode): TreeNode {
    if (this.#states !== undefined && !this.#states.has(node)) this.#states.set(node, node.state)
    return node
  }

  /** Whether a node that is empty now, at the end of a way, is not to be dropped yet. */
  keeps(way: Way): boolean {
    if (this.#states === undefined) return false
    this.#ways.push([...way])
    return true
  }

  /** Everything is staged: nodes that are empty are out of the tree while it is judged, as without a trial. */
  hideEmpty(): void {
    for (const way of this.#ways.splice(0)) {
      dropEmpty(way, (parent, child) => {
        if (parent.child(child.name) === child) this.#hidden.push({ parent, child })
        parent.dropChild(child)
      })
    }
  }

  /** The trial is taken back from now on: hidden nodes are there again, to be filled. */
  showHidden(): void {
    for (const { parent, child } of this.#hidden.splice(0).reverse()) parent.adopt(child)
  }

  /** Restores the validation of every node, and drops those that are empty and new. */
  end(): void {
    for (const [node, state] of this.#states ?? []) node.restore(state)
    this.#states = undefined
    for (const way of this.#ways.splice(0)) dropEmpty(way, (parent, child) => parent.dropChild(child))
  }
}

/**
 * Drops the end of a way where nothing is left; what was validated of an absent child, and still holds, is kept, and so is a
 * node that is fixed, unless one above it is dropped.
 */
export function dropEmpty(way: Way, drop: (parent: TreeNode, child: TreeNode) => void): void {
  let below: TreeNode | undefined
  for (const node of way.toReversed()) {
    if (below?.isFixed === false) drop(node, below)
    if (node.leafCount > 0 || !node.isDirty) return
    below = node
  }
}
