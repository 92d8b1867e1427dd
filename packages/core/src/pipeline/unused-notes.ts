import { nodeAt } from './trail.ts'
import { entriesOf, type Entry, type TreeNode } from './tree-node.ts'
import type { UnusedNote, UnusedSpot } from './unused.ts'

/** Unused keys by the node whose validation found them. A note stays the same object while validation finds the same. */
export class UnusedNotes {
  readonly #notes = new Map<TreeNode, UnusedNote>()
  /** Notes of nodes that are being validated again. */
  readonly #earlier = new Map<TreeNode, UnusedNote>()
  #beforeTrial: NotesBefore | undefined = undefined

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
    this.delete(node)
    this.#earlier.set(node, earlier)
  }

  delete(node: TreeNode): void {
    this.#beforeTrial?.note(node, this.#notes.get(node))
    this.#notes.delete(node)
  }

  note(node: TreeNode, path: readonly string[], spots: readonly UnusedSpot[]): void {
    const earlier = this.#earlier.get(node)
    const isSame = earlier !== undefined && haveSameSpots(earlier.spots, spots)
    this.#beforeTrial?.note(node, this.#notes.get(node))
    this.#notes.set(node, isSame ? earlier : { path: [...path], spots })
  }

  /** Begins a trial; what it returns restores the notes, for a tree below `root` that holds what it held before. */
  beginTrial(root: TreeNode): () => void {
    const before = new NotesBefore()
    this.#beforeTrial = before
    return () => {
      this.#beforeTrial = undefined
      this.#earlier.clear()
      for (const [node, note] of before.notes) {
        if (note === undefined) this.#notes.delete(node)
        else this.#notes.set(node, withCurrentEntries(note, root))
      }
    }
  }

  /** Ends the validation: every node that changed has been validated. */
  end(): void {
    this.#earlier.clear()
  }
}

/** The notes that a trial has changed, as they were. */
class NotesBefore {
  readonly notes = new Map<TreeNode, UnusedNote | undefined>()

  note(node: TreeNode, note: UnusedNote | undefined): void {
    if (!this.notes.has(node)) this.notes.set(node, note)
  }
}

/** The note, with the entries that stand in the tree now for those that a trial has taken out. */
function withCurrentEntries(note: UnusedNote, root: TreeNode): UnusedNote {
  if (note.spots.every(({ inside }) => inside === undefined)) return note
  const spots = note.spots.map((spot) => {
    const { inside, path } = spot
    const node = inside && nodeAt(root, path.slice(0, inside.depth))
    const isSame = (entry: Entry) =>
      entry.layer === inside?.entry.layer &&
      (entry.document === undefined) === (inside.entry.document === undefined)
    const entry = node && entriesOf(node).find(isSame)
    const isCurrent = inside === undefined || entry === undefined || entry === inside.entry
    return isCurrent ? spot : { ...spot, inside: { ...inside, entry } }
  })
  return spots.every((spot, index) => spot === note.spots[index]) ? note : { ...note, spots }
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
