import type { $ZodType } from 'zod/v4/core'
import { disown } from '../callback.ts'
import { LivetreeError } from '../errors.ts'

/** What to do with a schema of zod 3, which also comes from zod 3.25 where one meant `zod/v4`. */
export const ZOD_3 = "is a zod 3 schema; livetree reads zod 4: import * as z from 'zod/v4', or install zod 4"

/** A schema of zod 3, by its own fields: it has no `_zod`, and knows its kind by `typeName`. */
export function isZod3(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || '_zod' in value) return false
  const { _def } = value as { readonly _def?: { readonly typeName?: unknown } | null }
  return typeof _def === 'object' && _def !== null && typeof _def.typeName === 'string'
}

/**
 * Refuses what is no schema where it is given to a function that returns another.
 *
 * @throws LivetreeError `invalid_schema` for what is no zod 4 schema, naming the call
 */
export function assertZodGiven(call: string, schema: unknown): asserts schema is $ZodType {
  if (typeof schema === 'object' && schema !== null && '_zod' in schema) return
  disown(schema)
  const what = isZod3(schema)
    ? `got a schema that ${ZOD_3}`
    : 'got no zod 4 schema; expected z.object({ … }) or another'
  throw new LivetreeError('invalid_schema', `${call} ${what}.`)
}

/** @throws LivetreeError `invalid_schema` for what is no zod 4 schema, with its path */
export function assertZod(schema: unknown, path: readonly string[]): asserts schema is $ZodType {
  if (typeof schema === 'object' && schema !== null && '_zod' in schema) return
  const where = path.length === 0 ? 'The schema' : `"${path.join('.')}" in the schema`
  throw new LivetreeError('invalid_schema', `${where} ${isZod3(schema) ? ZOD_3 : 'is no zod 4 schema'}.`)
}
