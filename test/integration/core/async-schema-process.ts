// Run in a process of its own by async-schema.test.ts: promises of a schema's own code reject, and nobody holds them.
import { createManualSource } from '@livetree/core/testing'
import { defineConfig } from '@livetree/core'
import * as z from 'zod'

const later = (ms: number) =>
  new Promise<never>((_resolve, reject) => {
    setTimeout(() => reject(new Error('too late')), ms)
  })
const refused = (value: unknown) => (value === 'bad' ? later(5) : true)

const schemas: Record<string, z.ZodType> = {
  refinement: z.string().refine(refused),
  'two refinements': z
    .string()
    .refine(refused)
    .refine((value) => (value === 'bad' ? later(1) : true)),
  superRefine: z.string().superRefine((value) => refused(value) as never),
  transform: z.string().transform(refused),
  'pre-rejected': z
    .string()
    .transform((value) => (value === 'bad' ? Promise.reject(new Error('now')) : value)),
  preprocess: z.preprocess(refused, z.unknown()),
  'a promise inside': z.string().transform((value) => ({ inside: [refused(value)] })),
  'a promise by default': z
    .string()
    .transform((value) => (value === 'bad' ? undefined : value))
    .transform((value) =>
      z
        .unknown()
        .default(() => later(1))
        .parse(value),
    ),
  codec: z.codec(z.string(), z.unknown(), { decode: refused, encode: () => '' }),
  catch: z
    .string()
    .refine((value) => value !== 'bad')
    .catch(() => later(1) as never),
  'beside a throw': z
    .string()
    .refine(refused)
    .superRefine((value) => {
      if (value === 'bad') throw new Error('thrown')
    }),
  'a format': z.stringFormat('own', refused as never),
}
for (const [name, schema] of Object.entries(schemas)) {
  const definition = defineConfig({
    name: 'async',
    schema: z.object({
      record: z.record(z.string(), schema),
      optional: schema.optional(),
      refined: z.object({ it: schema.optional() }).refine(() => true),
      list: z.array(schema),
      either: z.union([z.number(), schema]).optional(),
    }),
    guard: false,
  })
  const store = createManualSource()
  const loading = definition.load({ sources: [store], logger: false })
  store.replace(1, { record: { a: 'good' }, list: ['good'] })
  const config = await loading
  const before = config.current
  let rejectedCount = 0
  config.on('rejected', () => rejectedCount++)
  let revision = 2
  for (const path of ['record/b', 'optional', 'refined/it', 'list', 'either']) {
    store.patch(revision++, { [path]: path === 'list' ? '["good", "bad"]' : 'bad' })
    await config.refresh()
    store.patch(revision++, { [path]: path === 'list' ? '["good"]' : undefined })
    await config.refresh()
  }
  const isKept = JSON.stringify(config.current) === JSON.stringify(before)
  console.log(`${name}: ${rejectedCount} rejected${isKept ? '' : ', another value'}`)
  await config.close()
}
await new Promise((resolve) => setTimeout(resolve, 50))
console.log('alive')
