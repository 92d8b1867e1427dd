import { optionKinds } from '@livetree/core/source'
import type { JsonSchema } from '@livetree/core/tools'
import type * as z from 'zod/v4'

/** Keywords of JSON Schema that limit what a list, an object or a union takes, and are not read here. */
const UNREAD: ReadonlySet<string> = new Set([
  ...['patternProperties', 'minProperties', 'maxProperties', 'unevaluatedProperties', 'dependentRequired'],
  ...['dependentSchemas', 'dependencies', 'if', 'then', 'else', 'not', 'const', 'enum'],
  ...['contains', 'minContains', 'maxContains', 'unevaluatedItems'],
])

/**
 * A schema is not judged by half of what it says.
 *
 * @throws UnreadKeyword
 */
export function assertRead(json: JsonSchema, what: string): void {
  const keyword = Object.keys(json).find((name) => UNREAD.has(name))
  if (keyword !== undefined) throw new UnreadKeyword(`${what} with "${keyword}" is not read`)
}

/** A schema that would be judged otherwise than its author meant. */
export class UnreadKeyword extends Error {}

/** The names that a schema of names lists; undefined where it lists none. */
export function namesOf(json: JsonSchema): readonly string[] | undefined {
  const listed: unknown = json['const'] === undefined ? json['enum'] : [json['const']]
  return Array.isArray(listed) ? listed.map(String) : undefined
}

/** Whether no item of a list stands there twice. */
export function isUnique(items: readonly unknown[]): boolean {
  return new Set(items.map((item) => JSON.stringify(item))).size === items.length
}

/** A limit of a list; undefined where there is none. */
export function countOf(count: unknown): number | undefined {
  return typeof count === 'number' ? count : undefined
}

/** Whether one property tells the options apart, so that no value is taken by two of them. */
export function isDiscriminated(options: readonly unknown[]): boolean {
  const shapes = options.map((option) => (optionKinds.isObject(option) ? option['properties'] : undefined))
  const [first] = shapes
  if (!optionKinds.isObject(first) || !shapes.every(optionKinds.isObject)) return false
  return Object.keys(first).some((name) => {
    const names = shapes.map((shape) => {
      const part = optionKinds.isObject(shape) ? shape[name] : undefined
      return optionKinds.isObject(part) ? namesOf(part) : undefined
    })
    const all = names.flatMap((each) => each ?? [])
    return names.every((each) => each !== undefined) && new Set(all).size === all.length
  })
}

/** Whether a part of it is a reference. */
export function refersBelow(json: JsonSchema): boolean {
  return JSON.stringify({ ...json, default: undefined, examples: undefined }).includes('"$ref":')
}

/** Older drafts have a reference with a description as `allOf`. */
export function referenceIn({ $ref, allOf }: JsonSchema): string | undefined {
  const [only, ...more]: readonly unknown[] = Array.isArray(allOf) ? allOf : []
  const given = $ref ?? (optionKinds.isObject(only) && more.length === 0 ? only['$ref'] : undefined)
  return typeof given === 'string' ? given : undefined
}

/** Whether an object is read where there is nothing: nothing in it has to be given. */
export function isMade({ type, required = [] }: JsonSchema): boolean {
  return type === 'object' && Array.isArray(required) && required.length === 0
}

/** Whether something in a part is encrypted, and it is not said what. */
export function isUnsaid(json: JsonSchema): boolean {
  return json['x-encrypted'] === 'inside'
}

/** Whether something inside a part is encrypted. */
export function holdsEncrypted(json: JsonSchema): boolean {
  return JSON.stringify({ ...json, 'x-encrypted': undefined }).includes('"x-encrypted":')
}

/** The items of a tuple, of which there is at least one. */
export function asTuple(items: readonly z.ZodType[]): [z.ZodType, ...z.ZodType[]] {
  const [first, ...others] = items
  if (first === undefined) throw new TypeError('a tuple has at least one item')
  return [first, ...others]
}
