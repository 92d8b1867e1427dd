import { namesEnvelope } from '../encryption/envelope.ts'
import { isScalar, mayBeText } from '../schema/directory.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import { isPlainObject, parseJson } from './document.ts'

/** A list or an object, of which the parts are looked at. */
export type Container = readonly unknown[] | Record<string, unknown>

/** The list or object that a text says, where the schema cannot mean the text itself: no text is meant that has envelopes in it. */
export function containerIn(text: string, schemaNode: SchemaNode | undefined): unknown {
  if (schemaNode === undefined) return undefined
  const isText = mayBeText(schemaNode) && (isScalar(schemaNode) || !namesEnvelope(text))
  return !isText && /^\s*[[{]/.test(text) ? parseJson(text)?.value : undefined
}

export function isContainer(value: unknown): value is Container {
  return Array.isArray(value) || isPlainObject(value)
}
