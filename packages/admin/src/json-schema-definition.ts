import { optionKinds } from '@livetree/core/source'
import { type ConfigDefinition, defineConfig, type Naming, restart, secret } from '@livetree/core'
import { encryptedInside, type JsonSchema } from '@livetree/core/tools'
import * as z from 'zod/v4'
import type { $ZodType } from 'zod/v4/core'
import { AdminError } from './errors.ts'
import {
  asTuple,
  assertRead,
  countOf,
  holdsEncrypted,
  isDiscriminated,
  isMade,
  isUnique,
  isUnsaid,
  namesOf,
  referenceIn,
  refersBelow,
  UnreadKeyword,
} from './json-schema-parts.ts'

/**
 * The definition that a JSON Schema describes, as `toJsonSchema` writes it. Its values are those of JSON: a date is text. What
 * is `writeOnly` is secret, and so is a list or a union that holds something `writeOnly`. It takes what the schema takes; what
 * JSON Schema does not say, such as a refinement, it cannot judge. What has `x-encrypted: 'inside'` takes everything; an admin
 * writes envelopes there, and no plain text.
 *
 * @throws AdminError `invalid_options`, also for a schema with a keyword that is not read here: nothing is judged by half of it
 */
export function jsonSchemaDefinition(name: string, schema: JsonSchema): ConfigDefinition<$ZodType> {
  if (typeof (z as { readonly fromJSONSchema?: unknown }).fromJSONSchema !== 'function')
    throw new AdminError('invalid_options', {
      what: 'createAdmin() reads a JSON Schema with zod 4.2 or later, and this is an older one',
      remedy: 'Update zod.',
    })
  try {
    const naming = schema['x-naming'] as Naming | undefined
    return defineConfig({ name, schema: new SchemaReader(schema).read(schema), naming, unused: 'warn' })
  } catch (error) {
    throw new AdminError('invalid_options', {
      what: `createAdmin() got a JSON Schema that cannot be read${error instanceof UnreadKeyword ? `: ${error.message}` : ''}`,
      remedy: 'Give one that toJsonSchema() wrote.',
      cause: error,
    })
  }
}

/** One that a number holds is a number, as JSON has it. */
const ANY_INTEGER = z.union([z.int(), z.bigint()])

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
    if (isUnsaid(json)) return encryptedInside(z.any())
    const made = this.#inside(json)
    const own = json['x-needs-restart'] === true ? restart(made) : made
    const encrypted = json['x-encrypted'] === true
    return json['writeOnly'] === true || encrypted ? secret(own, { encrypted }) : own
  }

  #inside(json: JsonSchema): z.ZodType {
    const reference = referenceIn(json)
    const referred = reference === undefined ? undefined : this.#target(reference)
    if (reference !== undefined && referred !== undefined)
      return this.#withDefault(this.#readOnce(reference, referred), json)
    const made = this.#composed(json)
    if (made !== undefined) {
      const own = json['nullable'] === true ? made.nullable() : made
      const isOpen = json['type'] === 'object' || !this.#holdsSecret(json)
      return this.#withDefault(isOpen ? own : secret(own), json)
    }
    if (refersBelow(json)) throw new UnreadKeyword('A reference in a part that is no object, list or union')
    if (json['type'] === 'integer' && json['x-bigint'] === true)
      return this.#withDefault(json['nullable'] === true ? ANY_INTEGER.nullable() : ANY_INTEGER, json)
    const leaf = z.fromJSONSchema({ ...this.#definitions, ...json } as Parameters<typeof z.fromJSONSchema>[0])
    if (holdsEncrypted(json)) return encryptedInside(leaf)
    return this.#holdsSecret(json) ? secret(leaf) : leaf
  }

  /** What is put together here, so that what it refers to is that of the whole schema; undefined: zod reads it. */
  #composed(json: JsonSchema): z.ZodType | undefined {
    const { type, properties, additionalProperties, anyOf, oneOf, allOf, items, prefixItems } = json
    const isAlone = [type, properties, items].every((each) => each === undefined)
    if (Array.isArray(anyOf) && isAlone) return this.#union(json, anyOf, false)
    if (Array.isArray(oneOf) && isAlone) return this.#union(json, oneOf, true)
    if (Array.isArray(allOf) && isAlone) return this.#intersection(json, allOf)
    if (anyOf !== undefined || oneOf !== undefined || allOf !== undefined) return undefined
    const isObject = optionKinds.isObject(properties) || optionKinds.isObject(additionalProperties)
    if (type === 'object' && (isObject || json['patternProperties'] !== undefined))
      return this.#directory(json)
    const isList = optionKinds.isObject(items) || Array.isArray(items) || Array.isArray(prefixItems)
    // What a set holds is not said, but for what is encrypted in it, which nothing here takes apart.
    return type === 'array' && (isList || !holdsEncrypted(json)) ? this.#list(json) : undefined
  }

  #union(json: JsonSchema, options: readonly unknown[], isExclusive: boolean): z.ZodType {
    assertRead(json, 'A union')
    const read = options.map((option) => this.#part(option))
    return isExclusive && !isDiscriminated(options) ? z.xor(read) : z.union(read)
  }

  #intersection(json: JsonSchema, sides: readonly unknown[]): z.ZodType {
    assertRead(json, 'An intersection')
    const [first = z.unknown(), ...others] = sides.map((side) => this.#part(side))
    return others.reduce((all, side) => z.intersection(all, side), first)
  }

  #list(json: JsonSchema): z.ZodType {
    assertRead(json, 'A list')
    const { items, prefixItems, additionalItems, minItems, maxItems } = json
    // Older drafts have the first items as `items`.
    const isOlder = Array.isArray(items)
    const first: readonly unknown[] = isOlder ? items : Array.isArray(prefixItems) ? prefixItems : []
    const rest = isOlder ? additionalItems : items
    const [least, most] = [countOf(minItems), countOf(maxItems)]
    if (first.length === 0) {
      const list = z.array(this.#part(rest)).min(least ?? 0)
      const limited = most === undefined ? list : list.max(most)
      return json['uniqueItems'] === true
        ? limited.refine(isUnique, 'The same item stands there twice')
        : limited
    }
    if (json['uniqueItems'] === true) throw new UnreadKeyword('A list of given items with "uniqueItems"')
    const parts = first.map((item, index) =>
      index < (least ?? 0) ? this.#part(item) : this.#part(item).optional(),
    )
    const tuple = rest === false ? z.tuple(asTuple(parts)) : z.tuple(asTuple(parts), this.#part(rest))
    return tuple.check(
      ...(least === undefined ? [] : [z.minLength(least)]),
      ...(most === undefined ? [] : [z.maxLength(most)]),
    )
  }

  /** A part of a schema; without one, and where it says `true`, everything is taken. */
  #part(json: unknown): z.ZodType {
    if (json === false) return z.never()
    return optionKinds.isObject(json) ? this.read(json) : z.any()
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
    const target = optionKinds.isObject(tables) && Object.hasOwn(tables, name) ? tables[name] : undefined
    return optionKinds.isObject(target) ? target : undefined
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
      const json = optionKinds.isObject(part) ? part : {}
      const schema = this.read(json)
      const given = this.#resolved(json)
      const isThere = given['default'] !== undefined || (isMade(given) && !isUnsaid(given))
      const isOptional = !required.includes(name) && !isThere
      return [name, isOptional ? schema.optional() : schema] as const
    })
    const object = z.object(Object.fromEntries(shape))
    const { additionalProperties } = json
    if (additionalProperties === false) return object.strict()
    return additionalProperties === undefined ? object : object.catchall(this.#part(additionalProperties))
  }

  /** An object with properties, or a record. */
  #directory(json: JsonSchema): z.ZodType {
    assertRead(json, 'An object')
    const { properties, propertyNames, additionalProperties, required: given } = json
    const required = Array.isArray(given) ? given.map(String) : []
    if (optionKinds.isObject(properties)) {
      if (propertyNames !== undefined) throw new UnreadKeyword('An object with "propertyNames"')
      return this.#object(json, properties, required)
    }
    const value = this.#part(additionalProperties)
    const names = optionKinds.isObject(propertyNames) ? namesOf(propertyNames) : undefined
    if (names?.every((name) => required.includes(name)) === true) return z.record(z.enum(names), value)
    if (names !== undefined && required.length === 0) return z.partialRecord(z.enum(names), value)
    if (required.length > 0)
      return z.object(Object.fromEntries(required.map((name) => [name, value]))).catchall(value)
    const key = optionKinds.isObject(propertyNames) ? this.read(propertyNames) : z.string()
    return z.record(key as z.ZodString, value)
  }

  #withDefault(schema: z.ZodType, json: JsonSchema): z.ZodType {
    return json['default'] === undefined ? schema : schema.prefault(json['default'])
  }
}
