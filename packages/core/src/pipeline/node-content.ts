import { isEnvelope, isValueEnvelope } from '../encryption/envelope.ts'
import { isScalar } from '../schema/directory.ts'
import type { SchemaNode, UnionNode } from '../schema/schema-node.ts'
import { isEmptyObject } from './document.ts'
import { optionByTag } from './part-node.ts'
import { coverOf } from '../format/cover.ts'
import {
  type DocumentMark,
  type Entry,
  isPresent,
  topEntry,
  type TreeNode,
  visibleAbove,
} from './tree-node.ts'

/** Which layers come from nested objects, by number: a directory is an object there, and never a list. */
export type NestedLayers = readonly boolean[]

/**
 * Whether the schema, read at this node, finds anything. Bare keys below the key of a scalar do not count: they are keys
 * that the schema does not know. An object that a document, a file or a program has there is a value, and an invalid one.
 */
export function isGiven(
  schemaNode: SchemaNode,
  node: TreeNode,
  aboveLayer: number,
  nested: NestedLayers,
): boolean {
  if (node.leafCount === 0 && node.documents === undefined) return false
  if (!isScalar(schemaNode)) return isPresent(node, aboveLayer)
  return topEntry(node, aboveLayer) !== undefined || isCoveredByObject(node, aboveLayer, nested)
}

/** Whether the scalar at a node is covered by an object that a document, a file or a program has in a higher layer. */
export function isCoveredByObject(node: TreeNode, aboveLayer: number, nested: NestedLayers): boolean {
  // An empty object has no children, but is a document where an object may stand.
  if (node.childCount === 0 && node.documents === undefined) return false
  return isObjectAt(node, topEntry(node, aboveLayer)?.layer ?? aboveLayer, nested)
}

/** The scalar that stands at a directory's node, if no layer above it has children; else the layer above which the children count. */
export function scalarOrAboveLayer(
  node: TreeNode,
  aboveLayer: number,
): { scalar: Entry } | { aboveLayer: number } {
  let top = node.top
  while (top !== undefined && isEmptyObject(top.value)) top = top.below
  if (top === undefined || top.layer <= aboveLayer) return { aboveLayer }
  if (node.mayCover && coverOf(top.value) !== undefined) return { aboveLayer: top.layer - 1 }
  const isCovered = node.top !== top || (node.documents?.at(-1)?.layer ?? -1) > top.layer
  if (isCovered) return { aboveLayer: top.layer }
  for (const child of node.children) {
    if (isPresent(child, top.layer)) return { aboveLayer: top.layer }
  }
  return { scalar: top }
}

/** Whether any layer says plainly that there is an object: as a document that stands here or above, or by nesting. */
export function isObjectAt(node: TreeNode, outerLayer: number, nested: NestedLayers): boolean {
  const aboveLayer = visibleAbove(node, outerLayer)
  if ((node.documents?.at(-1)?.layer ?? -1) > aboveLayer) return true
  for (let entry = node.top; entry !== undefined && entry.layer > aboveLayer; entry = entry.below)
    if (isEmptyObject(entry.value)) return true
  const below = new Set<DocumentMark>()
  const visit = (child: TreeNode): boolean => {
    for (const mark of child.documents ?? []) {
      // An empty object of a file is kept as a document.
      if (mark.layer > aboveLayer && nested[mark.layer] === true) return true
      below.add(mark)
    }
    for (let entry = child.top; entry !== undefined && entry.layer > aboveLayer; entry = entry.below) {
      if (nested[entry.layer] === true) return true
      if (entry.document !== undefined && !below.has(entry.document)) return true
    }
    return someChild(child, visit)
  }
  return someChild(node, visit)
}

/** Whether a child that has anything passes a test. */
export function someChild(node: TreeNode, test: (child: TreeNode) => boolean): boolean {
  for (const child of node.children) if (child.leafCount > 0 && test(child)) return true
  return false
}

/** The option of a discriminated union that the tag below a node names. */
export function taggedOptionAt(
  schemaNode: UnionNode,
  node: TreeNode,
  aboveLayer: number,
): SchemaNode | undefined {
  const tag = schemaNode.discriminator
  const child = tag === undefined ? undefined : node.child(tag)
  const entry = child === undefined ? undefined : topEntry(child, aboveLayer)
  return entry === undefined ? undefined : optionByTag(schemaNode, entry.value)
}

/** Whether an entry is part of a document, or of objects that a file or a program nests. An envelope says itself what it holds. */
export function isNested({ document, layer, given }: Entry, nested: NestedLayers): boolean {
  return isEnvelope(given) ? isValueEnvelope(given) : document !== undefined || nested[layer] === true
}
