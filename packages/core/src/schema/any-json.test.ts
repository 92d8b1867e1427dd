import { expect, test } from 'vitest'
import * as z from 'zod'
import { loadFrom } from '../encrypted-config.test.kit.ts'
import { restart } from './restart.ts'
import { secret } from './secret.ts'

const TEXTS = ['{"a":[1]}', '5', '1.50', 'null', '["a"]', '"x"', 'true', 'no json']

test.each<[string, (schema: z.ZodType) => z.ZodType]>([
  ['secret', (json) => secret(json)],
  ['restart', (json) => restart(json)],
  ['secret and restart', (json) => secret(restart(json))],
  ['refined', (json) => json.refine(() => true)],
  ['checked twice', (json) => json.refine(() => true).refine(() => true)],
  ['described', (json) => json.describe('x')],
  ['cloned', (json) => z.clone(json, json._zod.def)],
])('any JSON reads a text as the same value when it is %s', async (_, mark) => {
  const schema = z.object({ plain: z.json().optional(), marked: mark(z.json()).optional() })
  const served = async (values: { readonly plain?: string; readonly marked?: string }) => {
    try {
      const { config } = await loadFrom(schema, values)
      await config.close()
      return values.plain === undefined ? config.current.marked : config.current.plain
    } catch {
      return 'refused'
    }
  }
  for (const text of TEXTS)
    expect(await served({ marked: text }), text).toEqual(await served({ plain: text }))
})
