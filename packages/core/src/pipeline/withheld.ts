import { openDepth } from '../schema/describe.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import type { LayerInfo, Leaf } from '../source/source.ts'
import type { GuardMemory } from './guard-memory.ts'
import { eachLeaf, type HeldLeaf, isChosen, type LeafChoice } from './leaves.ts'
import { lossKey, namesOfLoss, weightOf } from './losses.ts'
import { standIn } from './stand-in.ts'
import { storedPath } from './stored-path.ts'
import { entriesOf, type TreeNode } from './tree-node.ts'

/** A leaf that a file leaves out, with all that may be known of it. */
export interface WithheldLeaf {
  readonly path: string
  readonly revision: number
  /** How many leaves it is to the guard: those of a document that the schema reads, and none where it knows nothing. */
  readonly count: number
}

/** The leaves of a layer that `leavesOf` leaves out by the same choice. */
export function withheldOf(
  schemaNode: SchemaNode,
  root: TreeNode,
  layer: number,
  info: LayerInfo,
  choice: LeafChoice,
): readonly WithheldLeaf[] {
  const withheld: WithheldLeaf[] = []
  eachLeaf(root, layer, (held) => {
    const { path, own } = held
    if (isChosen(schemaNode, info, held, choice)) return
    const { revision } = own
    withheld.push({ path: storedPath(schemaNode, path, info), revision, count: countOf(held) })
  })
  return withheld
}

function countOf({ node, own }: HeldLeaf): number {
  if (!('keysBelow' in own)) return weightOf(own)
  let count = 0
  const visit = (at: TreeNode): void => {
    for (const entry of entriesOf(at)) if (entry.document === own) count += weightOf(entry)
    for (const child of at.children) visit(child)
  }
  visit(node)
  return count
}

/**
 * A layer as it was, of leaves with their values and of those that were withheld. `newer` is what the source has now: a
 * leaf of the same revision is the same. Of the others only their number is known; a document that was written again may
 * have lost some of its leaves.
 */
export function completed(
  leaves: readonly Leaf[],
  withheld: readonly WithheldLeaf[],
  newer: readonly Leaf[],
): readonly Leaf[] {
  if (withheld.length === 0) return leaves
  const byPath = new Map(newer.map((leaf) => [leaf.path, leaf]))
  const filled = withheld.map(({ path, revision, count }) => {
    const now = byPath.get(path)
    const isTaken = now !== undefined && (now.revision === revision || count > 1)
    return { path, revision, value: isTaken ? now.value : standIn(count) }
  })
  return [...leaves, ...filled]
}

/**
 * What the guard remembers, for a file that may hold no secret: a name below one may be of a document, and so a part of the
 * secret. It is replaced by a number, and only the count is kept.
 */
export function withoutHiddenNames(schemaNode: SchemaNode, memory: GuardMemory): GuardMemory {
  const shown = (keys: readonly string[]) => {
    const counts = new Map<string, number>()
    return keys.map((key) => {
      const names = namesOfLoss(key)
      const depth = openDepth(schemaNode, names)
      if (depth === names.length) return key
      const place = lossKey(names.slice(0, depth))
      const count = counts.get(place) ?? 0
      counts.set(place, count + 1)
      return `${place}/${count}`
    })
  }
  return { ...memory, removed: memory.removed.map(shown), allowed: memory.allowed.map(shown) }
}
