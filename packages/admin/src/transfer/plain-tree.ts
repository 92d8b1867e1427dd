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

/** A value of JavaScript, such as what JSON holds, as a tree. */
export function treeOf(value: unknown): PlainTree {
  if (Array.isArray(value)) return { type: 'list', items: value.map(treeOf) }
  if (typeof value === 'object' && value !== null)
    return { type: 'object', parts: Object.entries(value).map(([name, part]) => [name, treeOf(part)]) }
  if (typeof value === 'string') return { type: 'scalar', value, text: value }
  const scalar = typeof value === 'number' || typeof value === 'boolean' ? value : null
  return { type: 'scalar', value: scalar, text: String(scalar) }
}

/** Whether a text is a number as JSON writes it. */
export function isJsonNumber(text: string): boolean {
  return /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)
}
