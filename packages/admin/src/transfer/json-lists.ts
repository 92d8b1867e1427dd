import type { Path } from '@livetree/core'
import { coverOf } from '@livetree/core/tools'
import { hasItems, itemsInOrder } from './named-items.ts'
import { jsonOf, type PlainObject, type PlainTree } from './plain-tree.ts'
import { untypedTree } from './untyped-text.ts'
import { wordIn } from './words-in-lists.ts'

/** Whether instances read an object at a path: of keys whose names are numbers, they make a list otherwise. */
export type IsObjectRead = (path: Path) => boolean

/**
 * The list that the keys of a place of `z.json()` are read as: a file has an object there only for one that is a document. Undefined
 * where they are no list, or only remove items of lower layers.
 */
export function jsonList(tree: PlainObject): PlainTree | undefined {
  const left = withoutWords(tree)
  if (left?.type !== 'object' || !hasItems(left)) return undefined
  return { type: 'list', items: itemsInOrder(left).map(([, item]) => item) }
}

/** Whether a text of a key in a list is what the words in another one leave there. */
export function isSameWithoutWords(stored: string, text: string): boolean {
  if (coverOf(stored) === 'empty' && text === '{}') return true
  const tree = untypedTree(stored)
  const left = wordIn(tree) === undefined ? undefined : withoutWords(tree)
  return left !== undefined && jsonOf(left) === jsonOf(untypedTree(text))
}

/** Whether the items of a list go by the names that they have in an object: from 0 on without a gap. */
export function keepsNames(list: PlainTree, { parts }: PlainObject): boolean {
  const names = new Set(parts.map(([name]) => name))
  return (
    list.type === 'list' &&
    list.items.length === names.size &&
    list.items.every((_, index) => names.has(String(index)))
  )
}

/** In a list, words hide nothing: what they remove is not there. */
function withoutWords(tree: PlainTree): PlainTree | undefined {
  if (tree.type === 'list') return tree
  if (tree.type === 'scalar') {
    const cover = coverOf(tree.value)
    if (cover === undefined) return tree
    return cover === 'empty' ? { type: 'list', items: [] } : undefined
  }
  const parts = tree.parts.flatMap(([name, part]): PlainObject['parts'] => {
    const left = withoutWords(part)
    return left === undefined ? [] : [[name, left]]
  })
  return parts.length === 0 && tree.parts.length > 0 ? undefined : { type: 'object', parts }
}
