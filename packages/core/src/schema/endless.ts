import type * as z from 'zod/v4/core'
import { innerSchemas } from './secret.ts'

/** No schema that a person wrote is this deep; one whose function returns a new schema at each level never ends. */
export const MAX_LEVELS = 500

/**
 * Whether the schemas inside one go on without end, since a function makes new ones. Follows one way down at a time: a
 * function may make several at each level, and each takes a while to make.
 */
export function isEndless(schema: z.$ZodType, met = new Set<z.$ZodType>(), level = 0): boolean {
  if (level > MAX_LEVELS) return true
  if (met.has(schema)) return false
  met.add(schema)
  return innerSchemas(schema).some((inner) => isEndless(inner, met, level + 1))
}
