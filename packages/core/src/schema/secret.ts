import * as z from 'zod/v4/core'

const registry = z.registry<{ secret: true }>()

/** What stands in for a secret value wherever livetree prints one. */
export const SECRET_TEXT = '[secret]'

/**
 * Marks a schema as secret: its value stays readable as a property of the configuration, and is replaced by `[secret]`
 * in `JSON.stringify`, `util.inspect`, errors, issues, events, logs and unencrypted snapshots.
 *
 * Returns a copy of the schema with the same type; refinements added later keep the mark (`secret(z.string()).min(8)`).
 */
export function secret<S extends z.$ZodType>(schema: S): S {
  const marked = z.clone(schema, schema._zod.def, { parent: true })
  registry.add(marked, { secret: true })
  return marked
}

/** Whether this schema itself (not what is inside it) was marked with `secret()` or has `meta({ secret: true })`. */
export function isSecret(schema: z.$ZodType): boolean {
  return registry.get(schema) !== undefined || z.globalRegistry.get(schema)?.secret === true
}
