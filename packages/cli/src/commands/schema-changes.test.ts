import { defineConfig } from '@livetree/core'
import { toJsonSchema } from '@livetree/core/tools'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { schemaChanges } from './schema-changes.ts'

const json = (shape: z.ZodRawShape) => toJsonSchema(defineConfig({ name: 'shop', schema: z.object(shape) }))
const changes = (before: z.ZodRawShape, after: z.ZodRawShape) =>
  schemaChanges(json(before), json(after)).map(({ path, isCompatible }) => [path, isCompatible])

test.each<[string, z.ZodRawShape, z.ZodRawShape, unknown]>([
  ['nothing', { a: z.string() }, { a: z.string() }, []],
  ['a new one that may be missing', {}, { a: z.string().optional() }, [['a', true]]],
  ['a new one with a default', {}, { a: z.string().default('x') }, [['a', true]]],
  ['a new required one', {}, { a: z.string() }, [['a', false]]],
  ['one that is gone', { a: z.string() }, {}, [['a', false]]],
  ['another type', { a: z.string() }, { a: z.number() }, [['a', false]]],
  ['integers, then numbers', { a: z.int() }, { a: z.number() }, [['a', true]]],
  ['a narrower limit', { a: z.number().max(9) }, { a: z.number().max(8) }, [['a', false]]],
  ['a wider limit', { a: z.number().max(8) }, { a: z.number().max(9) }, [['a', true]]],
  ['a limit that is new', { a: z.number() }, { a: z.number().max(9) }, [['a', false]]],
  ['one more choice', { a: z.enum(['x']) }, { a: z.enum(['x', 'y']) }, [['a', true]]],
  ['one choice less', { a: z.enum(['x', 'y']) }, { a: z.enum(['x']) }, [['a', false]]],
  ['another default', { a: z.number().default(1) }, { a: z.number().default(2) }, [['a', true]]],
  ['optional, then required', { a: z.string().optional() }, { a: z.string() }, [['a', false]]],
])('%s', (_, before, after, expected) => {
  expect(changes(before, after)).toEqual(expected)
})
