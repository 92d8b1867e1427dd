import type { SchemaNode } from '../schema/schema-node.ts'
import { isValid } from './validate.ts'

/** The option of those that have refused what is there that zod would have all the same, since it coerces the scalar it is given. */
export function coercingOption<R extends { readonly option: SchemaNode }>(
  refused: readonly R[],
  input: unknown,
): R | undefined {
  if (typeof input === 'object' && input !== null) return undefined
  return refused.find(({ option }) => isValid(option.schema, input))
}
