import { compareNames } from './name-order.ts'
import { isPresent, type TreeNode } from './tree-node.ts'

/** The children one layer has of a list, in the order of their numbers, then of their names. */
export function listedChildren(node: TreeNode, layer: number): TreeNode[] {
  const listed = [...node.children].filter((child) => isPresent(child, layer - 1))
  return listed.sort((a, b) => compareItemNames(a.name, b.name))
}

/**
 * The order of the names of a list's items, which is that of their numbers: `2` and `02` come before `10`, however many digits
 * there are. Names that are no numbers come last.
 */
export function compareItemNames(a: string, b: string): number {
  const digitsA = digitsOf(a)
  const digitsB = digitsOf(b)
  if (digitsA === undefined || digitsB === undefined) {
    if (digitsA === digitsB) return compareNames(a, b)
    return digitsA === undefined ? 1 : -1
  }
  if (digitsA.length !== digitsB.length) return digitsA.length - digitsB.length
  if (digitsA !== digitsB) return digitsA < digitsB ? -1 : 1
  return compareNames(a, b)
}

/** The digits of a number without the zeros before it. */
function digitsOf(name: string): string | undefined {
  // a pattern that could give zeros to either of two parts would try all ways to share them out
  return /^\d+$/.test(name) ? name.replace(/^0+(?=.)/, '') : undefined
}
