import { isScalar } from '../schema/directory.ts'
import { isIPv6 } from '../schema/host-port.ts'
import { parts, readingsOf, type ListNode, type SchemaNode, wrappersOf } from '../schema/schema-node.ts'
import { coverOf } from '../format/cover.ts'
import { isNullText } from './document.ts'

/**
 * The items of a text that is written with commas, where the schema has a list of scalars and nothing else: blanks around
 * an item do not count, and blank text is a list of nothing. Text that begins with `[` is JSON, as everywhere, but for what
 * no JSON begins with: an address in brackets, or a bracket that is closed and followed by more.
 */
export function listIn(value: unknown, schemaNode: SchemaNode | undefined): unknown {
  if (typeof value !== 'string' || isJsonList(value) || coverOf(value) !== undefined) return value
  if (!isListOfScalars(schemaNode) || (isNullText(value) && takesNull(schemaNode))) return value
  return value.trim() === '' ? [] : value.split(',').map((item) => item.trim())
}

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
    ? 'A list is written as JSON, ["a", "b"], or with commas, a,b'
    : 'A list of this kind is written as JSON, such as [{"name": "a"}]'
}

function isList(schemaNode: SchemaNode | undefined): schemaNode is SchemaNode {
  const plans = schemaNode === undefined ? [] : readingsOf(schemaNode).plans
  return plans.length > 0 && plans.every(({ type }) => type === 'list')
}

function isListOfScalars(schemaNode: SchemaNode | undefined): schemaNode is SchemaNode {
  if (!isList(schemaNode)) return false
  const { plans } = readingsOf(schemaNode)
  return plans.every((plan) => parts(plan as ListNode).every(isScalar))
}

function takesNull(schemaNode: SchemaNode): boolean {
  return [...wrappersOf(schemaNode)].some(({ wrapper }) => wrapper === 'nullable')
}
