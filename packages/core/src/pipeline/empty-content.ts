import { mayBeText } from '../schema/directory.ts'
import { type SchemaNode, someReading } from '../schema/schema-node.ts'
import { UnreadableText } from './document-text.ts'
import { isPlainObject } from './document.ts'
import { inputFrom } from './typed-input.ts'

/** Whether a value is an empty list or object, or the text of one. */
export function isEmptyContainer(value: unknown): boolean {
  if (typeof value === 'string') return /^\s*(\[\s*\]|\{\s*\})\s*$/.test(value)
  return Array.isArray(value) ? value.length === 0 : isPlainObject(value) && Object.keys(value).length === 0
}

/**
 * Whether an empty list or object, or the text of one, may be read as something in which there is more than nothing: as that text,
 * or as what zod makes of an empty list where it coerces.
 *
 * @param isQuoted a text stands in a document, or in nested objects
 */
export function mayMeanMore(schemaNode: SchemaNode, value: unknown, isQuoted: boolean): boolean {
  if (someReading(schemaNode, (reading) => reading.type === 'leaf' && reading.isCoerced === true)) return true
  if (typeof value !== 'string') return false
  if (mayBeText(schemaNode)) return true
  try {
    return typeof inputFrom(schemaNode, value, isQuoted) === 'string'
  } catch (error) {
    if (error instanceof UnreadableText) return true
    throw error
  }
}
