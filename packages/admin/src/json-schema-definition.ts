import { type ConfigDefinition, defineConfig, secret } from '@livetree/core'
import type { JsonSchema } from '@livetree/core/tools'
import * as z from 'zod/v4'
import type { $ZodType } from 'zod/v4/core'
import { AdminError } from './errors.ts'
import { isPlainObject } from './history/plain-object.ts'

/**
 * The definition that a JSON Schema describes, as `toJsonSchema` writes it. Its values are those of JSON: a date is text. What
 * is `writeOnly` is secret, and so is a list or a union that holds something `writeOnly`.
 *
 * @throws AdminError `invalid_options`
 */
export function jsonSchemaDefinition(name: string, schema: JsonSchema): ConfigDefinition<$ZodType> {
  if (typeof (z as { readonly fromJSONSchema?: unknown }).fromJSONSchema !== 'function')
    throw new AdminError('invalid_options', {
      what: 'createAdmin() reads a JSON Schema with zod 4.2 or later, and this is an older one',
      remedy: 'Update zod.',
    })
  try {
    return defineConfig({ name, schema: new SchemaReader(schema).read(schema), unused: 'warn' })
  } catch (error) {
    throw new AdminError('invalid_options', {
      what: 'createAdmin() got a JSON Schema that cannot be read',
      remedy: 'Give one that toJsonSchema() wrote.',
      cause: error,
    })
  }
}

class SchemaReader {
  readonly #root: JsonSchema
  readonly #definitions: Readonly<Record<string, unknown>>
  /** What each reference leads to; undefined while that is being read. */
  readonly #referred = new Map<string, z.ZodType | undefined>()

  constructor(root: JsonSchema) {
    const { $defs, definitions } = root
    this.#root = root
    this.#definitions = {
      ...($defs !== undefined && { $defs }),
      ...(definitions !== undefined && { definitions }),
    }
  }

  read(json: JsonSchema): z.ZodType {
    const made = this.#inside(json)
    return json['writeOnly'] === true ? secret(made) : made
  }

  #inside(json: JsonSchema): z.ZodType {
    const { properties, additionalProperties, required = [] } = json
    const reference = referenceIn(json)
    const referred = reference === undefined ? undefined : this.#target(reference)
    if (reference !== undefined && referred !== undefined)
      return this.#withDefault(this.#readOnce(reference, referred), json)
    const isObject = json['type'] === 'object' && json['anyOf'] === undefined && json['allOf'] === undefined
    if (isObject && isPlainObject(properties))
      return this.#object(json, properties, required as readonly string[])
    if (isObject && isPlainObject(additionalProperties)) {
      const record = z.record(z.string(), this.read(additionalProperties))
      return this.#withDefault(record, json)
    }
    const leaf = z.fromJSONSchema({ ...this.#definitions, ...json } as Parameters<typeof z.fromJSONSchema>[0])
    return this.#holdsSecret(json) ? secret(leaf) : leaf
  }

  /** A schema that is used at several places is read once, and may come back to itself. */
  #readOnce(reference: string, json: JsonSchema): z.ZodType {
    const known = this.#referred.get(reference)
    if (known !== undefined) return known
    if (this.#referred.has(reference)) return z.lazy(() => this.#referred.get(reference) ?? z.never())
    if (referenceIn(this.#resolved(json)) !== undefined)
      throw new TypeError(`The reference ${reference} leads to no schema`)
    this.#referred.set(reference, undefined)
    const made = this.read(json)
    this.#referred.set(reference, made)
    return made
  }

  /** What a reference leads to: the root, or a definition. */
  #target(reference: string): JsonSchema | undefined {
    if (reference === '#') return this.#root
    const [, table = '', name = ''] = /^#\/(\$defs|definitions)\/([^/]+)$/.exec(reference) ?? []
    const tables = this.#definitions[table]
    const target = isPlainObject(tables) && Object.hasOwn(tables, name) ? tables[name] : undefined
    return isPlainObject(target) ? target : undefined
  }

  /** A reference, or the reference that a schema is with a description or a default of its own. */
  #resolved(json: JsonSchema): JsonSchema {
    const seen = new Set<string>()
    let resolved = json
    for (;;) {
      const reference = referenceIn(resolved)
      if (reference === undefined || seen.has(reference)) return resolved
      seen.add(reference)
      const target = this.#target(reference)
      if (target === undefined) return resolved
      const { $ref: _, allOf: __, ...own } = resolved
      resolved = { ...target, ...own }
    }
  }

  #holdsSecret(json: JsonSchema, seen = new Set<string>()): boolean {
    const text = JSON.stringify(json)
    if (text.includes('"writeOnly":true')) return true
    for (const [, quoted = '""'] of text.matchAll(/"\$ref":("(?:[^"\\]|\\.)*")/g)) {
      const reference = String(JSON.parse(quoted))
      const target = seen.has(reference) ? undefined : this.#target(reference)
      seen.add(reference)
      if (target !== undefined && this.#holdsSecret(target, seen)) return true
    }
    return false
  }

  #object(
    json: JsonSchema,
    properties: Readonly<Record<string, unknown>>,
    required: readonly string[],
  ): z.ZodType {
    const shape = Object.entries(properties).map(([name, part]) => {
      const json = isPlainObject(part) ? part : {}
      const schema = this.read(json)
      const given = this.#resolved(json)
      const isOptional = !required.includes(name) && given['default'] === undefined && !isMade(given)
      return [name, isOptional ? schema.optional() : schema] as const
    })
    return this.#withDefault(z.object(Object.fromEntries(shape)), json)
  }

  #withDefault(schema: z.ZodType, json: JsonSchema): z.ZodType {
    return json['default'] === undefined ? schema : schema.prefault(json['default'])
  }
}

/** Older drafts have a reference with a description as `allOf`. */
function referenceIn({ $ref, allOf }: JsonSchema): string | undefined {
  const [only, ...more]: readonly unknown[] = Array.isArray(allOf) ? allOf : []
  const given = $ref ?? (isPlainObject(only) && more.length === 0 ? only['$ref'] : undefined)
  return typeof given === 'string' ? given : undefined
}

/** Whether an object is read where there is nothing: nothing in it has to be given. */
function isMade({ type, required = [] }: JsonSchema): boolean {
  return type === 'object' && Array.isArray(required) && required.length === 0
}
