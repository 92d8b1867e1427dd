import type { Path } from '@livetree/core'
import { compareItemNames, isListAt, kindAt, pathInDocument } from '@livetree/core/tools'
import { knownPlace, type LayerPlace } from '../tree/known-place.ts'
import type { Workspace } from '../workspace.ts'
import { isAllText, type PlainObject, type PlainTree } from './plain-tree.ts'
import { isOtherThanText } from './tree-leaves.ts'
import { onlyRemoves, wordIn, wordRefused } from './words-in-lists.ts'

/** Whether an object of a file has the items of a list by the names of their keys: `{ "3": …, "5": … }`. */
export function hasItems({ parts }: PlainObject): boolean {
  return parts.length > 0 && parts.every(([name]) => /^\d+$/.test(name))
}

/**
 * Whether objects at a path are joined with what a layer has there, name by name; everything else replaces it. Of one where the
 * schema has a text, the names are some that it does not know, which are no part of that text.
 */
export function isJoined(workspace: Workspace, path: Path, tree: PlainTree): tree is PlainObject {
  const { definition, isUntyped } = workspace.settings
  if (tree.type !== 'object') return false
  if (isUntyped) return true
  const kind = kindAt(definition, path)
  if (kind === 'list') return hasItems(tree) || (!isListAt(definition, path) && isAllText(tree))
  // A document would say that there is an object.
  if (kind === 'json') return onlyRemoves(tree)
  if (kind === 'scalar') return tree.parts.length > 0 && isOtherThanText(workspace, path, tree)
  return [undefined, 'directory', 'raw'].includes(kind)
}

/** The items of a list that a file has by the names of their keys, in their order. */
export function itemsInOrder({ parts }: PlainObject): PlainObject['parts'] {
  return parts.toSorted(([a], [b]) => compareItemNames(a, b))
}

/**
 * What a document holds of a part of a file: a document has the items of a list in their order, and no names for them.
 *
 * @throws AdminError `unwritable_value` for a word that hides lower layers in an item, which in a list would be text
 */
export function listedTree(workspace: Workspace, place: LayerPlace, tree: PlainTree): PlainTree {
  const { definition, isUntyped } = workspace.settings
  if (isUntyped || tree.type === 'scalar') return tree
  const { path, layer } = knownPlace(workspace, place)
  const inside = (name: string, part: PlainTree) =>
    listedTree(workspace, { path: pathInDocument(definition, { path, layer }, [name]), layer }, part)
  if (tree.type === 'list')
    return { type: 'list', items: tree.items.map((item, index) => inside(String(index), item)) }
  const parts = tree.parts.map(([name, part]) => [name, inside(name, part)] as const)
  if (!hasItems(tree) || !isListAt(definition, path)) return { type: 'object', parts }
  const word = wordIn(tree)
  if (word !== undefined) throw wordRefused(path, word)
  return { type: 'list', items: itemsInOrder({ type: 'object', parts }).map(([, item]) => item) }
}

/** How a part of a file is put into a layer. */
export interface TreeOptions {
  /** It is, or is in, an item of a list of the file. */
  readonly isItem?: boolean | undefined
  /** It has only what was edited, so that items by names are not all of their list. */
  readonly isEdit?: boolean | undefined
}
