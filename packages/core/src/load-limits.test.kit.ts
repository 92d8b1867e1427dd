import { expect } from 'vitest'
import * as z from 'zod'
import { defineConfig } from './define-config.ts'
import { createManualSource } from './testing/manual-source.ts'

/** Loads a configuration whose `limits` have this schema, from a source that holds this tree. */
export async function loadLimits(schema: z.ZodType, tree: object) {
  const source = createManualSource()
  const loading = defineConfig({ name: 'shop', schema: z.object({ limits: schema }) }).load({
    sources: [source],
    logger: false,
  })
  await expect.poll(() => source.isOpen).toBe(true)
  source.replace(1, { limits: tree })
  const config = await loading
  return { source, config, [Symbol.asyncDispose]: () => config.close() }
}
