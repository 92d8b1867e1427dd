import { isDirectory, isPureDirectory, mayBeObject, mayBeText } from '../schema/directory.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import { coverOf } from '../format/cover.ts'
import { type JsonProblem, parseJsonText } from '../format/json-text.ts'
import { measure, repetitionProblem } from '../format/extent.ts'
import { unreadablePart } from '../format/own-copy.ts'
import { Unreadable } from '../source/source.ts'

/** Deeper documents and paths are refused, so that no input can exhaust the stack. */
export const MAX_DEPTH = 100

/** How a leaf's value is kept: spread over the nodes below it, or as it is. */
export type Content =
  | { readonly type: 'document'; readonly content: Record<string, unknown> }
  | { readonly type: 'scalar'; readonly value: unknown }

/**
 * A typed object stands for a subtree where the schema may have an object, and so does text that is a JSON object: where no
 * other text can be meant, or where one of the values in it hides lower layers.
 *
 * @param isQuoted the text stands in a document or a file, which has objects of its own: there it is an object only where
 *   the schema has nothing else
 */
export function readDocument(value: unknown, schemaNode: SchemaNode | undefined, isQuoted: boolean): Content {
  if (typeof value === 'string') return readText(value, schemaNode, isQuoted)
  try {
    // also where no schema knows the place: a union there may take what is below it as it is
    const problem = problemOf(value)
    if (problem !== undefined) return { type: 'scalar', value: problem }
    return schemaNode !== undefined && isPlainObject(value) && isDirectory(schemaNode)
      ? { type: 'document', content: value }
      : { type: 'scalar', value }
  } catch {
    return { type: 'scalar', value: unreadablePart() }
  }
}

/** Whether text begins as a JSON object does. */
export function mayBeDocument(text: string): boolean {
  return /^\s*\{/.test(text)
}

function readText(text: string, schemaNode: SchemaNode | undefined, isQuoted: boolean): Content {
  const scalar: Content = { type: 'scalar', value: text }
  if (schemaNode === undefined) return scalar
  const isPure = isPureDirectory(schemaNode)
  if (!isPure && (isQuoted || !mayBeObject(schemaNode))) return scalar
  if (!mayBeDocument(text)) return scalar
  const parsed = readJson(text) ?? new Unreadable(PROBLEMS.syntax)
  if (parsed instanceof Unreadable) return isPure ? { type: 'scalar', value: parsed } : scalar
  const { value } = parsed
  if (!isPlainObject(value)) return scalar
  return isPure || !mayBeText(schemaNode) || hasCover(value) ? { type: 'document', content: value } : scalar
}

/** Whether a value in an object, or in an object inside it, hides what lower layers have. In a list it is text. */
function hasCover(content: Record<string, unknown>): boolean {
  return Object.values(content).some((value) =>
    isPlainObject(value) ? hasCover(value) : coverOf(value) !== undefined,
  )
}

/** Why a typed value cannot be taken: deeper than is read, as one that holds itself is, or unreadable in part. */
function problemOf(value: unknown): Unreadable | undefined {
  if (typeof value !== 'object' || value === null || value instanceof Unreadable) return undefined
  const extent = measure(value)
  if (extent.isEndless || extent.height > MAX_DEPTH)
    return new Unreadable(`nested deeper than ${MAX_DEPTH} levels, or inside itself`)
  const repetition = repetitionProblem(extent)
  return repetition === undefined ? extent.unreadable : new Unreadable(repetition)
}

const TOO_DEEP = `a JSON document that is nested deeper than ${MAX_DEPTH} levels`
const PROBLEMS: Readonly<Record<JsonProblem, string>> = {
  syntax: 'a JSON document that cannot be parsed',
  depth: TOO_DEEP,
  duplicate: 'a JSON document with a name given twice in one object',
}

/** The value of JSON text, or undefined where it is none, or is not taken. */
export function parseJson(text: string): { value: unknown } | undefined {
  const read = readJson(text)
  return read instanceof Unreadable ? undefined : read
}

/** The value of JSON text; undefined where it is none; what is wrong with it where it is JSON and not taken. */
export function readJson(text: string): { value: unknown } | Unreadable | undefined {
  const parsed = parseJsonText(text)
  if (parsed.type === 'problem')
    return parsed.what === 'syntax' ? undefined : new Unreadable(PROBLEMS[parsed.what])
  return problemOf(parsed.value) === undefined ? { value: parsed.value } : new Unreadable(TOO_DEEP)
}

/** Whether a value says null, as text or as itself. */
export function isNullText(value: unknown): boolean {
  return value === null || (typeof value === 'string' && /^null\r?\n?$/.test(value))
}

/** An object that inherits no names, so that `constructor` is only there if it was put there. */
export function bareObject(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>
}

/** An object without anything in it says only that there is a directory. */
export function isEmptyObject(value: unknown): boolean {
  return isPlainObject(value) && Object.keys(value).length === 0
}

/** An object made by a literal, JSON or YAML; not a class instance. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
