import fc from 'fast-check'
import * as z from 'zod'

/** Holds itself: a tree as deep as its keys. */
export const recursive = z.object({
  a: z.string().optional(),
  get x() {
    return recursive.optional()
  },
  get below() {
    return z.record(z.string(), recursive).optional()
  },
})

const schemas: readonly z.ZodObject[] = [
  recursive,
  z.object({
    a: z.record(z.string(), z.string()).optional(),
    x: z.record(z.string(), z.unknown()).optional(),
  }),
  z.object({ a: z.string().optional() }).catchall(z.unknown()),
  z.looseObject({ a: z.number().optional() }),
  z.strictObject({ a: z.array(z.string()).optional(), x: z.map(z.string(), z.number()).optional() }),
  z.object({ a: z.json().optional(), constructor: z.string().optional(), toString: z.number().optional() }),
  z.object({ x: z.union([z.record(z.string(), z.string()), z.array(z.number()), z.string()]).optional() }),
  z.object({ a: z.any().optional(), length: z.set(z.bigint()).optional(), '': z.string().optional() }),
]

/** Schemas that take many keys, so that bad ones come far. */
export const anySchema = fc.constantFrom(...schemas)
