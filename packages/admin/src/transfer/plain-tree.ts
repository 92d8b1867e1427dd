import type { Path } from '@livetree/core'
import { pathText } from '@livetree/core/tools'
import { AdminError } from '../errors.ts'

/** A scalar of a file: its value, and the text that keeps all of its digits. */
export interface PlainScalar {
  readonly type: 'scalar'
  readonly value: string | number | boolean | null
  readonly text: string
}

/** An object of a file. */
export interface PlainObject {
  readonly type: 'object'
  readonly parts: readonly (readonly [name: string, part: PlainTree])[]
}

/** What a file holds: nested objects and lists of scalars. */
export type PlainTree =
  | PlainScalar
  | { readonly type: 'list'; readonly items: readonly PlainTree[] }
  | PlainObject

/** What a side of a comparison holds, and the names of the place where it stands. */
export interface SideTree {
  readonly tree: PlainTree
  readonly place: readonly string[]
}

/** Calls `visit` for each scalar of a tree, and each empty list and object, with the names that lead to it, which begin with these. */
export function eachLeaf(
  tree: PlainTree,
  names: readonly string[],
  visit: (leaf: PlainTree, names: readonly string[]) => void,
): void {
  const parts = partsOf(tree)
  if (parts.length === 0) visit(tree, names)
  else for (const [name, part] of parts) eachLeaf(part, [...names, name], visit)
}

/** The parts of a list or an object, by their names. */
export function partsOf(tree: PlainTree): PlainObject['parts'] {
  if (tree.type === 'scalar') return []
  return tree.type === 'object' ? tree.parts : tree.items.map((item, index) => [String(index), item])
}

/** The JSON text of a tree, on one line, with all digits of its numbers, or with another writing of these. */
export function jsonOf(tree: PlainTree, numberOf = (digits: string): string => digits): string {
  if (tree.type === 'list') return `[${tree.items.map((item) => jsonOf(item, numberOf)).join(',')}]`
  if (tree.type === 'object') {
    const parts = tree.parts.map(([name, part]) => `${JSON.stringify(name)}:${jsonOf(part, numberOf)}`)
    return `{${parts.join(',')}}`
  }
  const { value, text } = tree
  return typeof value === 'number' && isJsonNumber(text) ? numberOf(text) : JSON.stringify(value)
}

/** The tree as a value of JavaScript. */
export function plainValue(tree: PlainTree): unknown {
  if (tree.type === 'scalar') return tree.value
  if (tree.type === 'list') return tree.items.map(plainValue)
  return Object.fromEntries(tree.parts.map(([name, part]) => [name, plainValue(part)]))
}

/**
 * A value of JavaScript, such as what JSON holds, as a tree.
 *
 * @param path where it is to stand
 * @throws AdminError `unwritable_value` for what a tree has no form for: NaN, a date, undefined in a list
 */
export function treeOf(value: unknown, path: Path = []): PlainTree {
  const at = (name: string | number) => [...path, String(name)]
  if (Array.isArray(value))
    return { type: 'list', items: Array.from(value, (item, index) => treeOf(item, at(index))) }
  if (isPlainObject(value)) {
    // As JSON has it, a property without a value is none.
    const parts = Object.entries(value).filter(([, part]) => part !== undefined)
    return { type: 'object', parts: parts.map(([name, part]) => [name, treeOf(part, at(name))]) }
  }
  if (typeof value === 'string') return { type: 'scalar', value, text: value }
  if (typeof value === 'boolean' || value === null) return { type: 'scalar', value, text: String(value) }
  if (typeof value === 'bigint' || Number.isFinite(value))
    return { type: 'scalar', value: Number(value), text: String(value) }
  throw new AdminError('unwritable_value', {
    what: `"${pathText(path)}" cannot be written: expected text, a finite number, true, false, null, a list or a plain object`,
    remedy: 'Without a schema, give what JSON holds, or the text of the value.',
  })
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

/** Whether a text is a number as JSON writes it. */
export function isJsonNumber(text: string): boolean {
  return /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)
}

/** Whether keys can hold a tree as text: no numbers, true, false, null or lists, and no empty objects. */
export function isAllText(tree: PlainTree): boolean {
  if (tree.type === 'scalar') return typeof tree.value === 'string'
  if (tree.type === 'list' || tree.parts.length === 0) return false
  return tree.parts.every(([name, part]) => name !== '' && isAllText(part))
}
