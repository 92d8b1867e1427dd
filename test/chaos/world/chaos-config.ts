import { defineConfig, secret } from 'livetree'
import * as z from 'zod'

/** The schema of all configurations of the chaos suite: each way in which a tree becomes a value is in it once. */
export const chaosSchema = z.object({
  title: z.string().min(3),
  http: z.object({ port: z.number().int().min(1), timeoutMs: z.number().positive().default(500) }),
  db: z.object({ url: secret(z.string().min(3)), pool: z.object({ max: z.number().int().min(1) }) }),
  limits: z.record(z.string(), z.number()),
  features: z.record(z.string(), z.boolean()),
  /** Written as one JSON document. */
  hosts: z.array(z.string()),
  /** Written as numbered children. */
  weights: z.array(z.number()),
  backend: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('file'), path: z.string() }),
    z.object({ kind: z.literal('bucket'), bucket: z.string(), partSize: z.number().int() }),
  ]),
})

/** What consumers load. Without guard, so that every valid tree has to be served; the guard has tests of its own. */
export const chaosConfig = defineConfig({
  name: 'chaos',
  schema: chaosSchema,
  unused: 'ignore',
  guard: false,
})

/** A configuration as a consumer asks for it. */
export interface ConfigPlace {
  readonly root: string
  readonly overlays: readonly string[]
}

const roots = ['/config/shop', '/config/pay'] as const

/** The directories that configurations are written to, the lowest first. Only the first one has everything. */
export const allOverlays = ['base', 'prod', 'zones/eu'] as const

/** Where consumers load from: both trees, with fewer and more overlays. */
export const configPlaces: readonly ConfigPlace[] = roots.flatMap((root) =>
  [1, 2, 3].map((count) => ({ root, overlays: allOverlays.slice(0, count) })),
)

/** All directories `<root>/<overlay>` that are written to. */
export const configFolders: readonly string[] = roots.flatMap((root) =>
  allOverlays.map((overlay) => `${root}/${overlay}`),
)

/** The directories that hold a whole configuration. */
export const baseFolders: readonly string[] = roots.map((root) => `${root}/${allOverlays[0]}`)
