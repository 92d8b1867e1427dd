import { parseJson } from './parse-json.ts'
import { jsonOf, type PlainTree } from './plain-tree.ts'

/**
 * The text of a scalar where no schema says how it is read: a number, true, false and null as JSON has them, text as it is,
 * and in quotes where it would be read as JSON. So each text is read as the scalar it was, by `untypedTree`.
 */
export function untypedText(tree: PlainTree): string {
  if (tree.type !== 'scalar' || typeof tree.value !== 'string') return jsonOf(tree)
  return parseJson(tree.value) === undefined ? tree.value : JSON.stringify(tree.value)
}

/** What a text is where no schema says it: JSON, or text. */
export function untypedTree(text: string): PlainTree {
  return parseJson(text) ?? { type: 'scalar', value: text, text }
}
