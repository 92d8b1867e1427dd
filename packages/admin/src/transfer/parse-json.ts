import { isJsonNumber, type PlainTree } from './plain-tree.ts'

/** A string without its first quote, or a number. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g

/** With what a JSON text begins: most texts of keys are none, and an error of JSON.parse takes longer than this. */
const START = /^[ \t\n\r]*[{["\-\dtfn]/

/** The tree that a JSON text holds, with all digits of its numbers and its names in their order; undefined for other text. */
export function parseJson(text: string): PlainTree | undefined {
  if (!START.test(text)) return undefined
  if (isJsonNumber(text)) return { type: 'scalar', value: Number(text), text }
  try {
    JSON.parse(text)
    // Strings and numbers become strings that begin with what they were: JSON.parse would round numbers, and move names.
    const marked = text.replace(TOKEN, (token) => (token[0] === '"' ? `"s${token.slice(1)}` : `"n${token}"`))
    return treeOfMarked(JSON.parse(marked))
  } catch {
    return undefined
  }
}

function treeOfMarked(value: unknown): PlainTree {
  if (Array.isArray(value)) return { type: 'list', items: value.map(treeOfMarked) }
  if (typeof value === 'object' && value !== null)
    return {
      type: 'object',
      parts: Object.entries(value).map(([name, part]) => [name.slice(1), treeOfMarked(part)]),
    }
  if (typeof value !== 'string')
    return { type: 'scalar', value: value === true || value === false ? value : null, text: String(value) }
  const text = value.slice(1)
  return { type: 'scalar', value: value[0] === 'n' ? Number(text) : text, text }
}
