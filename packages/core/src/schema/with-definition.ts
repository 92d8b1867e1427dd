import * as z from 'zod/v4/core'
import { assertZodGiven } from './assert-zod.ts'

/**
 * A copy of a schema with more in its definition, which zod hands on to every copy of that (`.strict()`, `.extend()`, …).
 *
 * @param call the call that received the schema, such as `secret()`
 * @throws LivetreeError `invalid_schema` for what is no zod 4 schema
 */
export function withDefinition<S extends z.$ZodType>(call: string, schema: S, added: object): S {
  assertZodGiven(call, schema)
  // By descriptors: a shape or a default may be a getter that must not run yet. Those of `added` replace others as a whole,
  // so that what was added once can be replaced again.
  const descriptors = {
    ...Object.getOwnPropertyDescriptors(schema._zod.def),
    ...Object.getOwnPropertyDescriptors(added),
  }
  return z.clone(schema, Object.defineProperties({}, descriptors) as S['_zod']['def'], { parent: true })
}
