import * as z from 'zod/v4/core'
import { checkOptions } from '../check-options.ts'
import { flag } from '../option-kinds.ts'
import { withDefinition } from './with-definition.ts'

/** Kept in the schema's own definition, which zod hands on to every copy (`.min()`, `.strict()`, `.extend()`, …). */
const SECRET = Symbol.for('livetree.secret')

/** Kept beside `SECRET`, where the tree holds an envelope. */
const ENCRYPTED = Symbol.for('livetree.encrypted')

/** Options of `secret` and `sealed`. */
export interface SecretOptions {
  /**
   * The tree holds the value encrypted, as an envelope that opens at its own place with the `keys` given to `load`; plain text is
   * refused there, unless these accept it. Each key at the place and below it is an envelope of its own. Default false.
   */
  readonly encrypted?: boolean | undefined
}

/**
 * Marks a schema as secret: its value stays readable as a property of the configuration, and is replaced by `[secret]`
 * in `JSON.stringify`, `util.inspect`, errors, issues, events, logs and unencrypted snapshots.
 *
 * Returns a copy of the schema with the same type; what is made from it later keeps the mark
 * (`secret(z.string()).min(8)`, `secret(z.object({ … })).strict()`).
 *
 * @throws LivetreeError `invalid_options`; `invalid_schema` for what is no zod 4 schema
 */
export function secret<S extends z.$ZodType>(schema: S, options: SecretOptions = {}): S {
  checkOptions('secret()', options, { encrypted: flag })
  const isEncrypting = options.encrypted === true
  return withDefinition('secret()', schema, { [SECRET]: true, ...(isEncrypting && { [ENCRYPTED]: true }) })
}

/** Whether this schema itself (not what is inside it) was marked with `secret()` or has `meta({ secret: true })`. */
export function isSecret(schema: z.$ZodType): boolean {
  return SECRET in schema._zod.def || hasSecretMeta(schema)
}

/** Whether this schema itself was marked with `secret(…, { encrypted: true })`. */
export function isEncrypted(schema: z.$ZodType): boolean {
  return ENCRYPTED in schema._zod.def
}

/** Reads the registry of this copy of zod, and of the one that made the schema: before 4.1 each has its own. */
function hasSecretMeta(schema: z.$ZodType): boolean {
  if (z.globalRegistry.get(schema)?.secret === true) return true
  const { meta } = schema as { meta?: () => { readonly secret?: unknown } | undefined }
  return typeof meta === 'function' && meta.call(schema)?.secret === true
}

const HOLDERS = [
  'innerType',
  'in',
  'out',
  'element',
  'items',
  'rest',
  'options',
  'left',
  'right',
  'keyType',
  'valueType',
  'catchall',
  'parts',
] as const

/** Whether a schema is secret or has a secret anywhere inside, also where no tree is read by that part of it. */
export function holdsSecret(schema: z.$ZodType): boolean {
  return holds(schema, isSecret, new Set())
}

/** The same of what is encrypted. */
export function holdsEncrypted(schema: z.$ZodType): boolean {
  return holds(schema, isEncrypted, new Set())
}

type SchemaTest = (schema: z.$ZodType) => boolean

function holds(schema: z.$ZodType, test: SchemaTest, seen: Set<z.$ZodType>): boolean {
  if (seen.has(schema)) return false
  seen.add(schema)
  return test(schema) || innerSchemas(schema).some((inner) => holds(inner, test, seen))
}

/** A secret in a part of the schema that reads no tree: behind a transform, in a template. */
export function hasHiddenSecret(schema: z.$ZodType): boolean {
  return hasHidden(schema, isSecret)
}

/** The same of what is encrypted: then all of the text is. */
export function hasHiddenEncrypted(schema: z.$ZodType): boolean {
  return hasHidden(schema, isEncrypted)
}

function hasHidden(schema: z.$ZodType, test: SchemaTest): boolean {
  const { def } = (schema as z.$ZodTypes)._zod
  if (def.type === 'template_literal') return holds(schema, test, new Set())
  const out = def.type !== 'pipe' ? undefined : def.in._zod.def.type === 'transform' ? schema : def.out
  return out !== undefined && holds(out, test, new Set())
}

/** The schemas directly inside a schema, whatever it does with them. */
export function innerSchemas(schema: z.$ZodType): z.$ZodType[] {
  const def = schema._zod.def as z.$ZodTypeDef & Partial<Record<string, unknown>>
  if (def.type === 'lazy') return [(schema as z.$ZodLazy)._zod.innerType]
  const held = HOLDERS.flatMap((name) => def[name])
  if (def.type === 'object') held.push(...Object.values(def.shape as object))
  return held.filter((part) => part instanceof z.$ZodType)
}
