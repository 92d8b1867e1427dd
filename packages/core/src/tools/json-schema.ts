import * as z from 'zod/v4/core'
import { checkOptions, type OptionTable } from '../check-options.ts'
import type { ConfigDefinition } from '../config-definition.ts'
import { LivetreeError } from '../errors.ts'
import { reachable } from '../reachable.ts'
import { type ObjectNode, parts, readersOf, type SchemaNode } from '../schema/schema-node.ts'
import { type LeafForm, leafForm } from '../schema/leaf-form.ts'
import { isRestart } from '../schema/restart.ts'
import { holdsSecret, innerSchemas, isEncrypted, isSecret } from '../schema/secret.ts'
import { scalarText } from '../schema/text.ts'
import { oneOf } from '../option-kinds.ts'
import { besideSecrets } from './beside-secrets.ts'
import { CanBeAbsent } from './can-be-absent.ts'
import { EncryptedInside } from './encrypted-inside.ts'
import { plainValue } from './plain-value.ts'
import { sizeWrittenOut } from './size-written-out.ts'
import { stringboolPattern } from './stringbool-pattern.ts'

/** Options of `toJsonSchema`. */
export interface JsonSchemaOptions {
  /** The dialect. Default `draft-2020-12`. */
  readonly target?: 'draft-2020-12' | 'draft-07' | 'openapi-3.0' | undefined
}

const OPTION_TABLE: OptionTable = { target: oneOf('draft-2020-12', 'draft-07', 'openapi-3.0') }

/** Larger schemas refer to what they use more than once: written out, levels that use the one below twice double the text. */
const MAX_WRITTEN_OUT = 10_000

/** A JSON Schema, as plain JSON. */
export type JsonSchema = Readonly<Record<string, unknown>>

/**
 * The JSON Schema of what a file or a JSON document of the configuration holds, with titles, descriptions and defaults.
 * A secret has `writeOnly: true`, and so has a map, a set, a pipe or another schema that holds a secret which JSON Schema
 * has no place for. Of a secret, of what is inside it and of what holds one, only the structure, titles, descriptions and
 * lengths are given: no default, example, enum, constant, pattern or metadata of the author's own. An integer of any size has
 * `x-bigint: true`. A `z.stringbool()` has the `pattern` of its words. What `restart()` marks has `x-needs-restart: true`. What is encrypted in the tree has `x-encrypted: true`;
 * of a map or a set that has it inside, the parts are below `$defs`. `x-encrypted: 'inside'` says that something in a place is
 * encrypted and something is not, and that JSON Schema cannot tell them apart: the parts of a loose record, whose names have
 * a pattern. The names are those of the schema; where keys of the tree are written otherwise, the whole has
 * `x-naming`, which is the `naming` of the definition. A sub-schema that is used at several places is written at each, or,
 * where the whole would have more than 10,000 schemas, once below `$defs`.
 *
 * @throws LivetreeError `invalid_schema` when zod cannot express the schema, for example because a default throws;
 *   `invalid_options`
 */
export function toJsonSchema(
  definition: ConfigDefinition<z.$ZodType>,
  options: JsonSchemaOptions = {},
): JsonSchema {
  checkOptions('toJsonSchema()', options, OPTION_TABLE)
  const { schema, name, compiled } = definition
  const hidden = hiddenSchemas(schema, compiled)
  const nodes = nodesOf(compiled)
  const absence = new CanBeAbsent()
  const target = options.target ?? 'draft-2020-12'
  const isLarge = sizeWrittenOut(schema) > MAX_WRITTEN_OUT
  const inside = new EncryptedInside(nodes.values(), target === 'draft-2020-12' ? '$defs' : 'definitions')
  try {
    const made = inside.writtenWith(schema, (whole) =>
      z.toJSONSchema(whole, {
        reused: isLarge ? 'ref' : 'inline',
        target,
        io: 'input',
        unrepresentable: 'any',
        override: ({ zodSchema, jsonSchema }) => {
          const json = jsonSchema as Record<string, unknown>
          const form = leafForm(zodSchema)
          if (form === undefined) Object.assign(json, formOf(zodSchema))
          // What it refers to takes the text of the form too, which a type of its own would exclude.
          else if (isReference(json)) delete json['type']
          else addForm(json, form)
          writeDefault(json, zodSchema)
          const node = nodes.get(zodSchema)
          if (node?.type === 'object') requireOnly(json, node, absence)
          if (hidden.has(zodSchema)) hide(json)
          if (node !== undefined) Object.assign(json, inside.of(node))
          if (isMarked(node, ({ isEncrypted }) => isEncrypted) || isEncrypted(zodSchema))
            json['x-encrypted'] = true
          if (isMarked(node, (each) => isRestart(each.schema)) || isRestart(zodSchema))
            json['x-needs-restart'] = true
          if (isSecret(zodSchema) || (node !== undefined && isSecretAsWhole(node))) json['writeOnly'] = true
        },
      }),
    )
    const named = definition.naming === 'exact' ? made : { ...made, 'x-naming': definition.naming }
    // zod adds functions that are no part of the JSON
    return JSON.parse(JSON.stringify(named)) as JsonSchema
  } catch (cause) {
    const message = `The schema of "${name}" cannot be expressed as JSON Schema. Check its defaults and metadata; see the cause.`
    throw new LivetreeError('invalid_schema', message, { cause })
  }
}

/** Whether a schema has a mark, or one that reads the same place: what a wrapper or a union has inside. */
function isMarked(node: SchemaNode | undefined, hasMark: (node: SchemaNode) => boolean): boolean {
  return node !== undefined && [...readersOf([node])].some(hasMark)
}

/** The nodes of a schema, by the zod schema of each. */
function nodesOf(root: SchemaNode): ReadonlyMap<z.$ZodType, SchemaNode> {
  return new Map([...reachable([root], parts)].map((node) => [node.schema, node]))
}

/** Kinds that zod writes without what is inside them. */
const WITHOUT_INSIDE: ReadonlySet<string> = new Set(['map', 'set', 'success'])

/** Whether a schema is secret, or holds a secret that the JSON Schema has no other place for. */
function isSecretAsWhole(node: SchemaNode): boolean {
  if (node.isSecret) return true
  // The names of a loose record are a pattern, which is the author's own and not shown.
  const isLoose = node.type === 'record' && node.others !== undefined
  return node.hasSecret && (isLoose || WITHOUT_INSIDE.has(node.schema._zod.def.type))
}

/** Takes from `required` what zod requires and a tree need not have: objects and records that are read where nothing is. */
function requireOnly(json: Record<string, unknown>, { properties }: ObjectNode, absence: CanBeAbsent): void {
  const given = json['required']
  if (!Array.isArray(given)) return
  const required = given.filter((name) => {
    const node = properties.get(String(name))?.schemaNode
    return node === undefined || !absence.of(node)
  })
  if (required.length > 0) json['required'] = required
  else delete json['required']
}

/** Whether it says with what another schema begins; older drafts write that as `allOf`. */
function isReference({ $ref, allOf }: Record<string, unknown>): boolean {
  return $ref !== undefined || (Array.isArray(allOf) && allOf.some((part: object) => '$ref' in part))
}

/** A default as a document has it, where zod leaves an object without names: of a set, a map or bytes. */
function writeDefault(json: Record<string, unknown>, schema: z.$ZodType): void {
  const { def } = (schema as z.$ZodTypes)._zod
  const isGiven = (def.type === 'default' || def.type === 'prefault') && json['default'] !== undefined
  if (isGiven) json['default'] = plainValue(def.defaultValue)
}

/** Beside the value itself, where JSON has its type, a document may hold the text of a form. */
function addForm(json: Record<string, unknown>, { jsonSchema }: LeafForm): void {
  if (json['type'] === undefined) {
    Object.assign(json, jsonSchema)
    return
  }
  const own = Object.entries(json).filter(([name]) => !ABOUT.has(name))
  for (const [name] of own) delete json[name]
  json['anyOf'] = [Object.fromEntries(own), { ...jsonSchema }]
}

/** What JSON Schema says of a value, whatever its type. */
const ABOUT: ReadonlySet<string> = new Set([
  '$schema',
  '$id',
  'id',
  'title',
  'description',
  'deprecated',
  'default',
  'examples',
])

/** How a document holds what JSON has no type for. */
function formOf(schema: z.$ZodType): object {
  switch (schema._zod.def.type) {
    case 'date':
      return { type: 'string', format: 'date-time' }
    case 'bigint':
      return { type: 'integer', 'x-bigint': true }
    case 'map':
      return { type: 'object' }
    case 'set':
      return { type: 'array', uniqueItems: true }
    case 'pipe': {
      const pattern = stringboolPattern(schema)
      return pattern === undefined ? {} : { pattern }
    }
    case 'custom':
      return scalarText(schema) === undefined ? {} : { type: 'string', contentEncoding: 'base64' }
    default:
      return {}
  }
}

/** What may be said of a schema with secrets: none of these holds a value. */
const SHOWN: ReadonlySet<string> = new Set([
  ...['$schema', '$id', 'id', '$ref', '$defs', 'definitions', 'type', 'title', 'description', 'deprecated'],
  ...[
    'properties',
    'required',
    'additionalProperties',
    'propertyNames',
    'items',
    'prefixItems',
    'additionalItems',
  ],
  ...['anyOf', 'oneOf', 'allOf', 'nullable', 'format', 'contentEncoding', 'uniqueItems'],
  ...['minLength', 'maxLength', 'minItems', 'maxItems', 'writeOnly', 'x-bigint'],
])

function hide(json: Record<string, unknown>): void {
  for (const key of Object.keys(json)) if (!SHOWN.has(key)) delete json[key]
}

/**
 * Schemas that are secret, hold a secret, are inside one, or are read at the place of one of these, with those that they
 * were made from.
 */
function hiddenSchemas(root: z.$ZodType, compiled: SchemaNode): ReadonlySet<z.$ZodType> {
  const { atSecrets, aroundSecrets } = besideSecrets(compiled)
  const seen = new Set<z.$ZodType>()
  const hidden = new Set<z.$ZodType>(aroundSecrets)
  const waiting = [...atSecrets].map((schema) => ({ schema, isInside: true }))
  waiting.unshift({ schema: root, isInside: false })
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { schema } = next
    const isInside = next.isInside || isSecret(schema)
    if (isInside ? hidden.has(schema) && seen.has(schema) : seen.has(schema)) continue
    seen.add(schema)
    if (isInside || holdsSecret(schema)) hidden.add(schema)
    const parent = schema._zod.parent
    if (parent !== undefined && hidden.has(schema)) waiting.push({ schema: parent, isInside: true })
    waiting.push(...innerSchemas(schema).map((inner) => ({ schema: inner, isInside })))
  }
  return hidden
}
