import { childPlan, coreOf, isScalar, type Plan } from '../schema/plan.ts'
import { isGiven, listedChildren, scalarOrFloor } from './input.ts'
import { type Entry, isPresent, topEntry, topLayer, type TreeNode } from './tree-node.ts'
import { itemPlan } from './typed-input.ts'
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
  plan: Plan,
  node: TreeNode,
  floor: number,
  path: readonly string[],
): UnusedSpot[] {
  const spots: UnusedSpot[] = []
  const known = knownNames(plan)
  for (const child of node.children) {
    if (!isPresent(child, floor)) continue
    const { name } = child
    const below = childPlan(plan, name)
    // of a directory where a scalar is meant, the name is right
    if (below === undefined) spots.push({ path: [...path, name], node: child, known })
    else if (isScalar(below) && !isGiven(below, child, floor))
      spots.push({ path: [...path, name], node: child, known: [] })
  }
  return spots
}

/** The same for a whole subtree that was given to zod at once. */
export function unusedBelow(
  plan: Plan,
  node: TreeNode,
  floor: number,
  path: readonly string[],
): UnusedSpot[] {
  const core = coreOf(plan)
  if (core.type === 'raw' || !isPresent(node, floor)) return []
  const spots = spotsInside(core, node, floor, path)
  if (node.childCount === 0) return spots
  if (core.type === 'list') {
    const top = topLayer(node)
    const items = listedChildren(node, top).flatMap((child, index) => {
      const below = itemPlan(core, index)
      return below === undefined ? [] : unusedBelow(below, child, top - 1, [...path, child.name])
    })
    return [...spots, ...items]
  }
  spots.push(...unusedChildren(core, node, floor, path))
  for (const child of node.children) {
    const below = childPlan(core, child.name)
    if (below !== undefined && isPresent(child, floor))
      spots.push(...unusedBelow(below, child, floor, [...path, child.name]))
  }
  return spots
}

/** What is unknown in the value that stands at the node itself, where that value is what is read. */
function spotsInside(plan: Plan, node: TreeNode, floor: number, path: readonly string[]): UnusedSpot[] {
  const own = topEntry(node, floor)
  if (own === undefined || plan.type === 'leaf') return []
  const found = scalarOrFloor(node, floor)
  const isRead =
    plan.type === 'list' ? own.layer === topLayer(node) : 'scalar' in found && found.scalar === own
  if (!isRead) return []
  return unusedInside(plan, own.value).map((name) => ({
    path: [...path, ...name.path],
    node,
    inside: { entry: own, depth: path.length },
    known: name.known,
  }))
}

function knownNames(plan: Plan): string[] {
  const core = coreOf(plan)
  switch (core.type) {
    case 'object':
      return [...core.properties.keys()]
    case 'union':
      return core.options.flatMap(knownNames)
    case 'intersection':
      return [...knownNames(core.left), ...knownNames(core.right)]
    default:
      return []
  }
}
