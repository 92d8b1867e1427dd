import { namesEnvelope } from '../encryption/envelope.ts'
import { isScalar, mayBeText } from '../schema/directory.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import { isPlainObject, parseJson } from './document.ts'
import { UnreadableText } from './document-text.ts'
import { inputFrom } from './typed-input.ts'

/** A list or an object, of which the parts are looked at. */
export type Container = readonly unknown[] | Record<string, unknown>

/**
 * The list or object that a text is read as: where the schema cannot mean the text itself, which has no envelopes in it, or
 * does not take it.
 *
 * @param isQuoted the text stands in a document, which says plainly what is text
 */
export function containerIn(text: string, schemaNode: SchemaNode | undefined, isQuoted: boolean): unknown {
  if (schemaNode === undefined || !/^\s*[[{]/.test(text)) return undefined
  return mayBeText(schemaNode) && isText(text, schemaNode, isQuoted) ? undefined : parseJson(text)?.value
}

function isText(text: string, schemaNode: SchemaNode, isQuoted: boolean): boolean {
  if (isScalar(schemaNode)) return true
  if (namesEnvelope(text)) return false
  try {
    return typeof inputFrom(schemaNode, text, isQuoted) === 'string'
  } catch (error) {
    if (error instanceof UnreadableText) return true
    throw error
  }
}

export function isContainer(value: unknown): value is Container {
  return Array.isArray(value) || isPlainObject(value)
}
