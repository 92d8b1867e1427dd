import type { Path } from '@livetree/core'
import { compareItemNames, isListAt, kindAt } from '@livetree/core/tools'
import type { Workspace } from '../workspace.ts'
import { isAllText, type PlainObject, type PlainTree } from './plain-tree.ts'

/** Whether an object of a file has the items of a list by the names of their keys: `{ "3": …, "5": … }`. */
export function hasItems({ parts }: PlainObject): boolean {
  return parts.length > 0 && parts.every(([name]) => /^\d+$/.test(name))
}

/** Whether objects at a path are joined with what a layer has there, name by name; everything else replaces it. */
export function isJoined({ settings }: Workspace, path: Path, tree: PlainTree): tree is PlainObject {
  const { definition, isUntyped } = settings
  if (tree.type !== 'object') return false
  if (isUntyped) return true
  const kind = kindAt(definition, path)
  if (kind === 'list') return hasItems(tree) || (!isListAt(definition, path) && isAllText(tree))
  return [undefined, 'directory', 'raw'].includes(kind)
}

/** The items of a list that a file has by the names of their keys, in their order. */
export function itemsInOrder({ parts }: PlainObject): PlainObject['parts'] {
  return parts.toSorted(([a], [b]) => compareItemNames(a, b))
}
