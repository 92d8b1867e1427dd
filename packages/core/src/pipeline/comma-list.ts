import { isScalar } from '../schema/directory.ts'
import { isIPv6 } from '../schema/host-port.ts'
import { parts, readingsOf, type ListNode, type SchemaNode, wrappersOf } from '../schema/schema-node.ts'
import { coverOf } from '../format/cover.ts'
import { Unreadable } from '../source/source.ts'
import { isNullText } from './document.ts'

/**
 * The items of a text that is written with commas, where the schema has a list of scalars and nothing else: blanks around
 * an item do not count, and blank text is a list of nothing. Text that begins with `[` is JSON, as everywhere, but for what
 * no JSON begins with: an address in brackets, or a bracket that is closed and followed by more. An item that is empty or in
 * quotes is refused: the comma at an end, or the quotes that a shell would have taken, are seldom meant.
 */
export function listIn(value: unknown, schemaNode: SchemaNode | undefined): unknown {
  if (typeof value !== 'string' || isJsonList(value) || coverOf(value) !== undefined) return value
  if (!isListOfScalars(schemaNode) || (isNullText(value) && takesNull(schemaNode))) return value
  if (value.trim() === '') return []
  const items = value.split(',').map((item) => item.trim())
  if (items.includes('')) return new Unreadable('an empty item, which only the JSON form has')
  return isQuoted(items) ? new Unreadable('an item in quotes, which only the JSON form has') : items
}

/** Quotes begin at an item, and end at that one or a later one, with commas in them. */
function isQuoted(items: readonly string[]): boolean {
  return ['"', "'"].some((quote) => {
    const first = items.findIndex((item) => item.startsWith(quote))
    const last = items.findLastIndex((item) => item.endsWith(quote))
    return first >= 0 && (first < last || (first === last && items[first] !== quote))
  })
}

const FORMS = 'A list is written as JSON, ["a", "b"], or with commas, a,b'

function isJsonList(text: string): boolean {
  return /^\s*\[/.test(text) && !CLOSED_EARLY.test(text) && !isIPv6(ADDRESS.exec(text)?.[1] ?? '')
}

/** `[0-9]*.txt`: a bracket is closed and followed by more, without a quote, comma, brace or bracket inside. */
const CLOSED_EARLY = /^\s*\[[^\]",{[]*\][^\],\s]/

/** What stands in the first brackets of `[fe80::1],[::]`, if it may be an address. */
const ADDRESS = /^\s*\[([\da-f:.]{2,45})(?:%\w{1,20})?\]/i

/** How a list is written as a variable; undefined where the schema has no list. */
export function formsOfList(schemaNode: SchemaNode | undefined): string | undefined {
  if (!isList(schemaNode)) return undefined
  return isListOfScalars(schemaNode)
    ? FORMS
    : 'A list of this kind is written as JSON, such as [{"name": "a"}]'
}

/** How a list is written in a file, where a text stands in its place; undefined where the schema has no list. */
export function formOfNestedList(schemaNode: SchemaNode | undefined): string | undefined {
  if (!isList(schemaNode)) return undefined
  return 'A list is written here as a list, or as JSON in a text, ["a", "b"]'
}

function isList(schemaNode: SchemaNode | undefined): schemaNode is SchemaNode {
  const readings = schemaNode === undefined ? [] : readingsOf(schemaNode)
  return readings.length > 0 && readings.every(({ type }) => type === 'list')
}

function isListOfScalars(schemaNode: SchemaNode | undefined): schemaNode is SchemaNode {
  if (!isList(schemaNode)) return false
  return readingsOf(schemaNode).every((list) => parts(list as ListNode).every(isScalar))
}

function takesNull(schemaNode: SchemaNode): boolean {
  return [...wrappersOf(schemaNode)].some(({ wrapper }) => wrapper === 'nullable')
}
