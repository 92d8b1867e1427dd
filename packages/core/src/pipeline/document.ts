import { isDirectory, isPureDirectory, type Plan } from '../schema/plan.ts'
import { Unreadable } from '../source/source.ts'

/** Deeper documents and paths are refused, so that no input can exhaust the stack. */
export const MAX_DEPTH = 100

/** How a leaf's value is kept: spread over the nodes below it, or as it is. */
export type Content =
  | { readonly type: 'document'; readonly content: Record<string, unknown> }
  | { readonly type: 'scalar'; readonly value: unknown }

/** A typed object, or text that is a JSON object, stands for a subtree where the schema has a directory. */
export function readDocument(value: unknown, plan: Plan | undefined): Content {
  if (plan === undefined) return { type: 'scalar', value }
  if (typeof value !== 'string') {
    if (isEndless(value))
      return {
        type: 'scalar',
        value: new Unreadable(`nested deeper than ${MAX_DEPTH} levels, or inside itself`),
      }
    return isPlainObject(value) && isDirectory(plan)
      ? { type: 'document', content: value }
      : { type: 'scalar', value }
  }
  if (!/^\s*\{/.test(value) || !isPureDirectory(plan)) return { type: 'scalar', value }
  const parsed = parseJson(value)
  if (parsed === undefined)
    return { type: 'scalar', value: new Unreadable('a JSON document that cannot be parsed') }
  return isPlainObject(parsed.value) ? { type: 'document', content: parsed.value } : { type: 'scalar', value }
}

/** Whether a typed value goes deeper than is read, as one that holds itself does. Looks at shared parts once. */
function isEndless(value: unknown, depth = 0, seen = new Map<object, number>()): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (depth > MAX_DEPTH) return true
  if ((seen.get(value) ?? -1) >= depth) return false
  seen.set(value, depth)
  const inner = Array.isArray(value) ? value : isPlainObject(value) ? Object.values(value) : []
  return inner.some((part) => isEndless(part, depth + 1, seen))
}

/** The value of JSON text, or undefined where it is none. */
export function parseJson(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}

/** An object made by a literal, JSON or YAML; not a class instance. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

export function decodeSegment(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}

/** Percent-encodes what a segment cannot hold. */
export function encodeSegment(segment: string): string {
  return segment.replace(/[%/]/g, (character) => (character === '/' ? '%2F' : '%25'))
}
