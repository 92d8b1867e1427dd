import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import * as mini from 'zod/mini'
import { compileSchema } from './compile-schema.ts'
import { isRestartAt, restart } from './restart.ts'
import { secret } from './secret.ts'

const at = (schema: z.core.$ZodType, path: readonly string[]) =>
  isRestartAt(compileSchema(schema, { naming: 'exact' }), path)

describe('restart', () => {
  test.each<[string, z.core.$ZodType]>([
    ['a scalar', restart(z.number())],
    ['what is made from it', restart(z.number()).min(1).max(9)],
    ['of mini', restart(mini.number())],
    ['a default around it', restart(z.number()).default(5)],
    ['around a default', restart(z.number().default(5))],
    ['an optional around it', restart(z.number()).optional()],
    ['with secret', secret(restart(z.string()))],
    ['with secret inside', restart(secret(z.string()))],
    ['one option of a union', z.union([z.boolean(), restart(z.number())])],
    ['a side of an intersection', z.intersection(z.number(), restart(z.number()))],
    ['the items of a list', z.array(restart(z.number()))],
    ['a pipe', z.pipe(restart(z.string()), z.transform(Number))],
  ])('marks %s', (_what, schema) => {
    expect(at(z.object({ it: schema, other: z.number() }), ['it'])).toBe(true)
    expect(at(z.object({ it: schema, other: z.number() }), ['other'])).toBe(false)
  })

  test('everything inside a marked object or record, and nothing beside it', () => {
    const schema = z.object({
      http: restart(z.object({ port: z.number(), tls: z.record(z.string(), z.boolean()) })).strict(),
      db: z.object({ host: restart(z.string()), pool: z.number() }),
    })
    expect(at(schema, ['http', 'port'])).toBe(true)
    expect(at(schema, ['http', 'tls', 'x'])).toBe(true)
    expect(at(schema, ['db', 'host'])).toBe(true)
    expect(at(schema, ['db', 'pool'])).toBe(false)
    expect(at(schema, ['unknown', 'x'])).toBe(false)
    expect(at(z.object({ a: z.number() }), ['a'])).toBe(false)
  })

  test('changes neither what is taken nor the shape, and leaves the given schema alone', () => {
    const given = z.number().min(3)
    const marked = restart(given)
    expect(marked.parse(5)).toBe(5)
    expect(marked.safeParse(1).success).toBe(false)
    expect(at(z.object({ it: given }), ['it'])).toBe(false)
  })
})
