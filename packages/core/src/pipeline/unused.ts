import { childSchemaNode } from '../schema/child-node.ts'
import { isScalar } from '../schema/directory.ts'
import { coreOf, readingsOf, type SchemaNode } from '../schema/schema-node.ts'
import { isGiven, scalarOrFloor, taggedOptionAt } from './node-content.ts'
import { listedChildren } from './list-order.ts'
import { type Entry, isPresent, topEntry, topLayer, type TreeNode } from './tree-node.ts'
import { itemSchemaNode } from './part-node.ts'
import { unusedInside } from './unused-inside.ts'

/** What judging a node found. */
export interface UnusedNote {
  /** To the node that was judged. */
  readonly path: readonly string[]
  readonly spots: readonly UnusedSpot[]
}

/** A node under which no schema knows anything. */
export interface UnusedSpot {
  readonly path: readonly string[]
  readonly node: TreeNode
  /** Set where the name is inside the value of one key, and how long the path to that key is. */
  readonly inside?: { readonly entry: Entry; readonly depth: number }
  /** What the schema knows around it, to guess what was meant. */
  readonly known: readonly string[]
}

/** Children of a directory that the schema has no place for. Looks one level down. */
export function unusedChildren(
  schemaNode: SchemaNode,
  node: TreeNode,
  aboveLayer: number,
  path: readonly string[],
): UnusedSpot[] {
  const spots: UnusedSpot[] = []
  const known = knownNames(schemaNode)
  for (const child of node.children) {
    if (!isPresent(child, aboveLayer)) continue
    const { name } = child
    const below = childSchemaNode(schemaNode, name)
    // of a directory where a scalar is meant, the name is right
    if (below === undefined) spots.push({ path: [...path, name], node: child, known })
    else if (isScalar(below) && !isGiven(below, child, aboveLayer))
      spots.push({ path: [...path, name], node: child, known: NO_NAMES })
  }
  return spots
}

/** The same for a whole subtree that was given to zod at once. */
export function unusedBelow(
  schemaNode: SchemaNode,
  node: TreeNode,
  aboveLayer: number,
  path: readonly string[],
): UnusedSpot[] {
  const core = coreOf(schemaNode)
  if (core.type === 'raw' || !isPresent(node, aboveLayer)) return []
  const option = core.type === 'union' ? taggedOptionAt(core, node, aboveLayer) : undefined
  if (option !== undefined) return unusedBelow(option, node, aboveLayer, path)
  const spots = spotsInside(core, node, aboveLayer, path)
  if (node.childCount === 0) return spots
  if (core.type === 'list') {
    const top = topLayer(node)
    const items = listedChildren(node, top).flatMap((child, index) => {
      const below = itemSchemaNode(core, index)
      return below === undefined ? [] : unusedBelow(below, child, top - 1, [...path, child.name])
    })
    return [...spots, ...items]
  }
  spots.push(...unusedChildren(core, node, aboveLayer, path))
  for (const child of node.children) {
    const below = childSchemaNode(core, child.name)
    if (below !== undefined && isPresent(child, aboveLayer))
      spots.push(...unusedBelow(below, child, aboveLayer, [...path, child.name]))
  }
  return spots
}

/** What is unknown in the value that stands at the node itself, where that value is what is read. */
function spotsInside(
  schemaNode: SchemaNode,
  node: TreeNode,
  aboveLayer: number,
  path: readonly string[],
): UnusedSpot[] {
  const own = topEntry(node, aboveLayer)
  if (own === undefined || schemaNode.type === 'leaf') return []
  const found = scalarOrFloor(node, aboveLayer)
  const isRead =
    schemaNode.type === 'list' ? own.layer === topLayer(node) : 'scalar' in found && found.scalar === own
  if (!isRead) return []
  return unusedInside(schemaNode, own.value).map((name) => ({
    path: [...path, ...name.path],
    node,
    inside: { entry: own, depth: path.length },
    known: name.known,
  }))
}

const NO_NAMES: readonly string[] = []

/** Asked for at each change of a directory with unused keys. */
const namesBySchema = new WeakMap<SchemaNode, readonly string[]>()

function knownNames(schemaNode: SchemaNode): readonly string[] {
  let names = namesBySchema.get(schemaNode)
  if (names === undefined) {
    names = namesIn(schemaNode)
    namesBySchema.set(schemaNode, names)
  }
  return names
}

function namesIn(schemaNode: SchemaNode): readonly string[] {
  const { plans } = readingsOf(schemaNode)
  return [...new Set(plans.flatMap((plan) => (plan.type === 'object' ? [...plan.properties.keys()] : [])))]
}
