import { isEnvelope, namesEnvelope } from '../encryption/envelope.ts'
import { isScalar, mayBeText } from '../schema/directory.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import { isPlainObject, parseJson } from './document.ts'
import { UnreadableText } from './document-text.ts'
import { inputFrom } from './typed-input.ts'

/** A list or an object, of which the parts are looked at. */
export type Container = readonly unknown[] | Record<string, unknown>

/**
 * The list or object that a text may be read as: where the schema cannot mean the text itself, or where there would be secrets in
 * it. Which option of a union reads a text depends on what stands beside it, and no text may bring in plain secrets that way.
 */
export function containerIn(text: string, schemaNode: SchemaNode | undefined): unknown {
  if (schemaNode === undefined || !/^\s*[[{]/.test(text)) return undefined
  const isText = isScalar(schemaNode) || !(schemaNode.hasEncrypted || namesEnvelope(text))
  return mayBeText(schemaNode) && isText ? undefined : parseJson(text)?.value
}

/**
 * Whether a text that `containerIn` takes for a list or an object may be meant as the text that it is.
 *
 * @param isQuoted it stands in a document, which says plainly what is text
 */
export function mayBeMeant(text: string, schemaNode: SchemaNode, isQuoted: boolean): boolean {
  if (!mayBeText(schemaNode) || holdsEnvelope(text)) return false
  try {
    return typeof inputFrom(schemaNode, text, isQuoted) === 'string'
  } catch (error) {
    if (error instanceof UnreadableText) return true
    throw error
  }
}

/** Whether there is an envelope in a value, also in JSON that stands in it as text. */
export function holdsEnvelope(value: unknown): boolean {
  if (isContainer(value)) return Object.values(value).some(holdsEnvelope)
  if (typeof value !== 'string' || !namesEnvelope(value)) return false
  return isEnvelope(value) || (/^\s*[[{]/.test(value) && holdsEnvelope(parseJson(value)?.value))
}

export function isContainer(value: unknown): value is Container {
  return Array.isArray(value) || isPlainObject(value)
}
