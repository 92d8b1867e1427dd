import * as z from 'zod/v4/core'
import { ownCopy, rethrow } from '../format/own-copy.ts'
import { handsOnInput } from './own-code.ts'

/**
 * What zod says of an input. The schema's own code may write to what it is given, as it may to freshly parsed JSON, so it
 * gets a copy: the input may be what a layer holds, and is validated again when something else changes.
 *
 * @throws what the schema's own code throws
 */
export function parseCopy<S extends z.$ZodType>(
  schema: S,
  input: unknown,
): z.util.SafeParseResult<z.output<S>> {
  const isHandedOn = typeof input === 'object' && input !== null && handsOnInput(schema)
  return z.safeParse(schema, isHandedOn ? ownCopy(input, rethrow) : input)
}
