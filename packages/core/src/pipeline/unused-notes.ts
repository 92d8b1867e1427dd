import type { TreeNode } from './tree-node.ts'
import type { UnusedNote, UnusedSpot } from './unused.ts'

/** Unused keys by the node whose validation found them. A note stays the same object while validation finds the same. */
export class UnusedNotes {
  readonly #notes = new Map<TreeNode, UnusedNote>()
  /** Notes of nodes that are being validated again. */
  readonly #earlier = new Map<TreeNode, UnusedNote>()

  get size(): number {
    return this.#notes.size
  }

  *[Symbol.iterator](): Iterator<[TreeNode, UnusedNote]> {
    yield* this.#notes
  }

  /** Begins a new validation of the node. */
  forget(node: TreeNode): void {
    const earlier = this.#notes.size === 0 ? undefined : this.#notes.get(node)
    if (earlier === undefined) return
    this.#notes.delete(node)
    this.#earlier.set(node, earlier)
  }

  delete(node: TreeNode): void {
    this.#notes.delete(node)
  }

  note(node: TreeNode, path: readonly string[], spots: readonly UnusedSpot[]): void {
    const earlier = this.#earlier.get(node)
    const isSame = earlier !== undefined && haveSameSpots(earlier.spots, spots)
    this.#notes.set(node, isSame ? earlier : { path: [...path], spots })
  }

  /** Ends the validation: every node that changed has been validated. */
  end(): void {
    this.#earlier.clear()
  }
}

/** A node has one place, so that the same nodes are the same paths. */
function haveSameSpots(before: readonly UnusedSpot[], after: readonly UnusedSpot[]): boolean {
  if (before.length !== after.length) return false
  return after.every((spot, index) => {
    const other = before[index]
    return (
      other !== undefined &&
      spot.node === other.node &&
      spot.known === other.known &&
      (spot.inside ?? other.inside) === undefined
    )
  })
}
