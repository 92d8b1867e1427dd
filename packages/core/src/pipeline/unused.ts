import { childPlan, coreOf, isScalar, type Plan } from '../schema/plan.ts'
import { isGiven, listedChildren } from './input.ts'
import { itemPlan } from './typed-input.ts'
import { isPresent, topLayer, type TreeNode } from './tree-node.ts'

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
  if (node.childCount === 0 || !isPresent(node, floor)) return []
  const core = coreOf(plan)
  if (core.type === 'raw') return []
  if (core.type === 'list') {
    const top = topLayer(node)
    return listedChildren(node, top).flatMap((child, index) => {
      const below = itemPlan(core, index)
      return below === undefined ? [] : unusedBelow(below, child, top - 1, [...path, child.name])
    })
  }
  const spots = unusedChildren(core, node, floor, path)
  for (const child of node.children) {
    const below = childPlan(core, child.name)
    if (below !== undefined && isPresent(child, floor))
      spots.push(...unusedBelow(below, child, floor, [...path, child.name]))
  }
  return spots
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

/** The known name that looks most like `name`, if one is near. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const bare = (text: string) => text.replace(/[-_]/g, '').toLowerCase()
  const allowed = Math.max(1, Math.floor(name.length / 3))
  let best: { name: string; distance: number } | undefined
  for (const candidate of known) {
    const distance = editDistance(bare(name), bare(candidate))
    if (distance <= allowed && (best === undefined || distance < best.distance))
      best = { name: candidate, distance }
  }
  return best?.name
}

/** How many letters have to be put in, taken out, replaced, or swapped with their neighbour. */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swapped = isSwap ? before[j - 2]! + 1 : replaced
      next.push(Math.min(replaced, swapped, row[j]! + 1, next[j - 1]! + 1))
    }
    before = row
    row = next
  }
  return row[b.length]!
}
