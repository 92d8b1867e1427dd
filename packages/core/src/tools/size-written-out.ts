import type * as z from 'zod/v4/core'
import { innerSchemas } from '../schema/secret.ts'

/**
 * How many schemas there are if each is counted wherever it is used. May be `Infinity`; a schema inside itself counts once.
 */
export function sizeWrittenOut(schema: z.$ZodType, known = new Map<z.$ZodType, number>()): number {
  const before = known.get(schema)
  if (before !== undefined) return before
  known.set(schema, 1)
  const size = innerSchemas(schema).reduce((sum, inner) => sum + sizeWrittenOut(inner, known), 1)
  known.set(schema, size)
  return size
}
