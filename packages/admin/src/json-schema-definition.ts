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
  readonly #definitions: Readonly<Record<string, unknown>>

  constructor({ $defs, definitions }: JsonSchema) {
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
    const isObject = json['type'] === 'object' && json['anyOf'] === undefined && json['allOf'] === undefined
    if (isObject && isPlainObject(properties))
      return this.#object(json, properties, required as readonly string[])
    if (isObject && isPlainObject(additionalProperties)) {
      const record = z.record(z.string(), this.read(additionalProperties))
      return this.#withDefault(record, json)
    }
    const leaf = z.fromJSONSchema({ ...this.#definitions, ...json } as Parameters<typeof z.fromJSONSchema>[0])
    return JSON.stringify(json).includes('"writeOnly":true') ? secret(leaf) : leaf
  }

  #object(
    json: JsonSchema,
    properties: Readonly<Record<string, unknown>>,
    required: readonly string[],
  ): z.ZodType {
    const shape = Object.entries(properties).map(([name, part]) => {
      const given = isPlainObject(part) ? part : {}
      const schema = this.read(given)
      const isOptional = !required.includes(name) && given['default'] === undefined && !isMade(given)
      return [name, isOptional ? schema.optional() : schema] as const
    })
    return this.#withDefault(z.object(Object.fromEntries(shape)), json)
  }

  #withDefault(schema: z.ZodType, json: JsonSchema): z.ZodType {
    return json['default'] === undefined ? schema : schema.prefault(json['default'])
  }
}

/** Whether an object is read where there is nothing: nothing in it has to be given. */
function isMade({ type, required = [] }: JsonSchema): boolean {
  return type === 'object' && Array.isArray(required) && required.length === 0
}
