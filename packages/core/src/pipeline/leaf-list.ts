import type { Leaf } from '../source/source.ts'
import type { TreePlace } from './tree-place.ts'

/** The whole of one layer while it is put in place, in the order in which its leaves arrive. */
export interface LeafList {
  /** May grow until the layer is replaced by this list. */
  readonly leaves: readonly Leaf[]
  /** How many leaves, counted from the first, are in place. */
  placedCount: number
  /** The place of the last of them, since the next one is most often beside it. */
  lastPlace: TreePlace | string | undefined
}

/** Marks a list as one of which nothing is in place. */
export function restart(list: LeafList): void {
  list.placedCount = 0
  list.lastPlace = undefined
}

/** Creates a list of which nothing is in place yet. */
export function leafList(leaves: readonly Leaf[]): LeafList {
  return { leaves, placedCount: 0, lastPlace: undefined }
}
