import type * as z from 'zod/v4/core'
import { ownCopy, rethrow } from '../format/own-copy.ts'

/** Wrappers are followed this far; a schema that leads back to itself ends there. */
const MAX_WRAPPERS = 100

/**
 * Whether what is inside a schema is validated where nothing is given: livetree reads an absent object as an empty one, and
 * a `prefault` or the author's own function gives zod a value.
 */
export function isFilledIn(schema: z.$ZodType): boolean {
  return isMadeWhenAbsent(schema) || fillsItself(schema)
}

/** As `isMadeWhenAbsent` of a schema node says. */
function isMadeWhenAbsent(schema: z.$ZodType, depth = 0): boolean {
  const { def } = (schema as z.$ZodTypes)._zod
  if (depth > MAX_WRAPPERS) return false
  if (def.type === 'readonly') return isMadeWhenAbsent(def.innerType, depth + 1)
  if (def.type === 'pipe') return isMadeWhenAbsent(def.in, depth + 1)
  return def.type === 'object' || def.type === 'record' || def.type === 'map'
}

/**
 * What a `prefault` has zod validate where nothing is given, as a copy whose parts can be read; undefined for another
 * schema. The author's own function may give it: what that throws, or a part of what it gives, it throws again for zod.
 */
export function prefaultOf(schema: z.$ZodType): unknown {
  const { def } = (schema as z.$ZodTypes)._zod
  return def.type === 'prefault' ? readable(() => def.defaultValue) : undefined
}

/** A copy of what the author's own code makes, read once; undefined where that throws. */
export function readable(make: () => unknown): unknown {
  try {
    return ownCopy(make(), rethrow)
  } catch {
    return undefined
  }
}

function fillsItself(schema: z.$ZodType, depth = 0): boolean {
  const { def } = (schema as z.$ZodTypes)._zod
  if (depth > MAX_WRAPPERS || def.type === 'default') return false
  if (def.type === 'prefault') return true
  // zod runs what is optional only where a prefault is inside
  if (def.type === 'optional') return hasPrefault(def.innerType, depth + 1)
  if (def.type === 'pipe') return fillsItself(def.in, depth + 1) || takesNothing(def.in, depth + 1)
  return partsOfPlace(schema).some((part) => fillsItself(part, depth + 1))
}

function hasPrefault(schema: z.$ZodType, depth: number): boolean {
  const { type } = schema._zod.def
  if (depth > MAX_WRAPPERS || type === 'default') return false
  return type === 'prefault' || partsOfPlace(schema).some((part) => hasPrefault(part, depth + 1))
}

const TAKES_NOTHING = new Set([
  'any',
  'unknown',
  'undefined',
  'void',
  'custom',
  'transform',
  'optional',
  'default',
  'prefault',
  'catch',
])

/** Whether undefined may be valid, so that the author's own function gets it. */
function takesNothing(schema: z.$ZodType, depth: number): boolean {
  if (depth > MAX_WRAPPERS) return false
  return (
    TAKES_NOTHING.has(schema._zod.def.type) ||
    partsOfPlace(schema).some((part) => takesNothing(part, depth + 1))
  )
}

/** The schemas that read the place of a schema itself, the first in a pipe. */
function partsOfPlace(schema: z.$ZodType): readonly z.$ZodType[] {
  const { def } = (schema as z.$ZodTypes)._zod
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'nonoptional':
    case 'readonly':
    case 'default':
    case 'prefault':
    case 'catch':
    case 'success':
    case 'promise':
      return [def.innerType]
    case 'lazy':
      return [(schema as z.$ZodLazy)._zod.innerType]
    case 'pipe':
      return [def.in]
    case 'union':
      return def.options
    case 'intersection':
      return [def.left, def.right]
    default:
      return []
  }
}
