import type * as z from 'zod/v4/core'
import { reachable } from '../reachable.ts'
import { innerSchemas } from '../schema/secret.ts'

/** A part of a value whose schema has issues that zod would list twice at every level above. */
export interface DoublingPart {
  readonly schema: z.$ZodType
  readonly path: readonly PropertyKey[]
  readonly at: Holder
}

/** A part of a value, and the one that holds it. */
export interface Holder {
  readonly value: object
  readonly above: Holder | undefined
}

const NONE: readonly DoublingPart[] = []
const known = new WeakMap<z.$ZodType, ReadonlySet<z.$ZodType>>()

/**
 * The intersections inside a schema to which both sides come back. What is wrong far inside a value is wrong for both
 * sides, so that zod lists it twice at each level: a million times at twenty. Unions and `catch` sum issues up.
 */
function doublingSchemas(schema: z.$ZodType): ReadonlySet<z.$ZodType> {
  let found = known.get(schema)
  if (found === undefined) {
    const intersections = [...reachable([schema], innerOf)].filter(
      (each) => each._zod.def.type === 'intersection',
    )
    found = new Set(
      intersections.filter((each) => innerOf(each).every((side) => reachable([side], innerOf).has(each))),
    )
    known.set(schema, found)
  }
  return found
}

const repeating = new WeakMap<z.$ZodType, boolean>()

/** Whether zod may raise one issue many times: both sides of an intersection, or the items of a set, at one place. */
export function mayRepeatIssues(schema: z.$ZodType): boolean {
  let answer = repeating.get(schema)
  if (answer === undefined) {
    answer = [...reachable([schema], innerSchemas)].some(
      ({ _zod: { def } }) => def.type === 'intersection' || def.type === 'set',
    )
    repeating.set(schema, answer)
  }
  return answer
}

/** The schemas that zod gives parts of a value to, and whose issues it lists one by one. */
function innerOf(schema: z.$ZodType): readonly z.$ZodType[] {
  const { def } = (schema as z.$ZodTypes)._zod
  switch (def.type) {
    case 'object':
      return [...Object.values(def.shape), ...(def.catchall === undefined ? [] : [def.catchall])]
    case 'record':
    case 'map':
    case 'set':
      return [def.valueType]
    case 'array':
      return [def.element]
    case 'tuple':
      return def.rest === null ? def.items : [...def.items, def.rest]
    case 'lazy':
      return [(schema as z.$ZodLazy)._zod.innerType]
    case 'pipe':
      return [def.in]
    case 'union':
      return (def as { discriminator?: string }).discriminator === undefined ? [] : def.options
    case 'intersection':
      return [def.left, def.right]
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'readonly':
    case 'nonoptional':
      return [def.innerType]
    default:
      return []
  }
}

/** The parts of a value that such schemas read, the innermost first; none for most schemas. */
export function doublingParts(schema: z.$ZodType, value: unknown): readonly DoublingPart[] {
  if (typeof value !== 'object' || value === null) return NONE
  const schemas = doublingSchemas(schema)
  if (schemas.size === 0) return NONE
  const found: DoublingPart[] = []
  const seen = new Map<z.$ZodType, Set<unknown>>()
  const visit = (at: z.$ZodType, part: unknown, path: readonly PropertyKey[], above?: Holder): void => {
    const parts = seen.get(at) ?? new Set()
    if (typeof part !== 'object' || part === null || parts.has(part)) return
    seen.set(at, parts.add(part))
    const own = above?.value === part ? above : { value: part, above }
    if (schemas.has(at)) found.push({ schema: at, path, at: own })
    for (const [inner, below, name] of partsOf(at, part))
      visit(inner, below, name === undefined ? path : [...path, name], own)
  }
  visit(schema, value, [])
  return found.sort((a, b) => b.path.length - a.path.length)
}

/** A schema, what zod gives to it, and the name of that in the value. */
export type Part = readonly [schema: z.$ZodType, value: unknown, name?: PropertyKey]

/** What zod gives to which schema; a wrapper's whole value has no name. */
export function partsOf(schema: z.$ZodType, value: object): readonly Part[] {
  const { def } = (schema as z.$ZodTypes)._zod
  switch (def.type) {
    case 'object':
      return Object.entries(value).flatMap(([name, part]): Part[] => {
        const inner = Object.hasOwn(def.shape, name) ? def.shape[name] : def.catchall
        return inner === undefined ? [] : [[inner, part, name]]
      })
    case 'record':
      // A value under a name that is no key is not validated.
      if ('mode' in def && def.mode === 'loose') return []
      return Object.entries(value).map(([name, part]) => [def.valueType, part, name])
    case 'map':
      return value instanceof Map ? [...value].map(([key, part]) => [def.valueType, part, String(key)]) : []
    case 'set':
      return value instanceof Set ? [...value].map((part) => [def.valueType, part]) : []
    case 'array':
      return Array.isArray(value) ? value.map((part, index) => [def.element, part, index]) : []
    case 'tuple':
      return Array.isArray(value)
        ? value.flatMap((part, index): Part[] => {
            const inner = def.items[index] ?? def.rest
            return inner === null || inner === undefined ? [] : [[inner, part, index]]
          })
        : []
    default:
      return innerOf(schema).map((inner) => [inner, value])
  }
}
