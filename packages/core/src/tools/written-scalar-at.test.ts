import { expect, test } from 'vitest'
import * as z from 'zod'
import { defineConfig } from '../define-config.ts'
import { secret } from '../schema/secret.ts'
import { isLivetreeError } from '../errors.ts'
import { writeValue } from './write-value.ts'
import { writtenScalarAt } from './written-scalar-at.ts'

const SCHEMAS: Record<string, z.ZodType> = {
  text: z.string(),
  short: z.string().max(3),
  trimmed: z.string().trim(),
  upper: z.string().toUpperCase(),
  number: z.number(),
  integer: z.int().min(2),
  boolean: z.boolean(),
  bigint: z.bigint(),
  date: z.date(),
  choice: z.enum(['1', 'true', 'x']),
  literal: z.literal([1, 'one', true]),
  url: z.url(),
  iso: z.iso.datetime(),
  coerced: z.coerce.number(),
  stringbool: z.stringbool(),
  refined: z.number().refine((n) => n > 1),
  piped: z.string().transform(Number),
  optional: z.number().optional(),
  defaulted: z.number().default(1),
  nullable: z.string().nullable(),
  caught: z.number().catch(7),
  readonly: z.boolean().readonly(),
  secret: secret(z.number()),
  either: z.union([z.number(), z.string()]),
  template: z.templateLiteral(['v', z.number()]),
}
const TEXTS = [
  '',
  '1',
  '01',
  '1.0',
  '-0',
  '1e3',
  '1e400',
  '9007199254740993',
  'true',
  'TRUE',
  'yes',
  'x',
  ' x',
  'null',
  'v1',
]
const definition = defineConfig({ name: 'shop', schema: z.object(SCHEMAS).partial() })

test.each(Object.keys(SCHEMAS))('%s: a scalar that is found is written as its text, or refused', (name) => {
  for (const text of [
    ...TEXTS,
    'livetree:remove',
    'livetree:empty',
    '{}',
    '{"a":1}',
    '[1]',
    'https://a.b/',
    '2026-01-01T00:00:00Z',
  ]) {
    const value = writtenScalarAt(definition, [name], text)
    if (value === undefined) continue
    try {
      expect(
        writeValue(definition, [name], value).map((leaf) => leaf.text),
        text,
      ).toEqual([text])
    } catch (error) {
      if (!isLivetreeError(error)) throw error
      expect(error.code, text).toBe('invalid_value')
    }
  }
})

test.each(['text', 'number', 'boolean', 'optional', 'defaulted', 'readonly'])(
  '%s: most texts are such scalars',
  (name) => {
    const found = TEXTS.filter((text) => writtenScalarAt(definition, [name], text) !== undefined)
    expect(found.length).toBeGreaterThan(0)
  },
)

test.each(['refined', 'piped', 'secret', 'coerced', 'nullable', 'caught'])(
  '%s: nothing is said of one',
  (name) => {
    expect(TEXTS.filter((text) => writtenScalarAt(definition, [name], text) !== undefined)).toEqual([])
  },
)
