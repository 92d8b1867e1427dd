import type { JsonSchema } from '@livetree/core/tools'
import { isObject, ruleText, rulesOf, type SchemaDocument } from './schema-document.ts'
import { isAmong, shareType, typeOf, typesOf, valuesOf } from './type-names.ts'
import { every, some, type Verdict } from './verdict.ts'

/** Rules of scalars that are looked at here. */
const SCALAR_RULES: ReadonlySet<string> = new Set([
  ...['type', 'const', 'enum', 'anyOf', 'allOf', 'pattern'],
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'minLength', 'maxLength'],
])

/** Whether a schema takes a value of JSON. Of lists and objects only those that it lists are known. */
export function accepts(document: SchemaDocument, part: unknown, value: unknown): Verdict {
  const schema = document.resolve(part)
  if (ruleText(schema) === '{"not":{}}') return false
  const values = valuesOf(schema)
  if (values?.some((each) => JSON.stringify(each) === JSON.stringify(value)) === false) return false
  const types = typesOf(schema)
  const isOfType = isAmong(typeOf(value), types) || (types.includes('integer') && Number.isInteger(value))
  if (!isOfType) return false
  const { anyOf, allOf } = schema
  return every([
    typeof value === 'object' && value !== null && values === undefined ? undefined : true,
    rulesOf(schema).every((name) => SCALAR_RULES.has(name)) ? true : undefined,
    typeof value === 'number' ? isInLimits(schema, value) : true,
    typeof value === 'string' ? isText(schema, value) : true,
    Array.isArray(anyOf) ? some(anyOf.map((each) => accepts(document, each, value))) : true,
    Array.isArray(allOf) ? every(allOf.map((each) => accepts(document, each, value))) : true,
  ])
}

function isInLimits(schema: JsonSchema, value: number): boolean {
  const limit = (name: string) => schema[name] as number | undefined
  const [least, most] = [limit('minimum') ?? -Infinity, limit('maximum') ?? Infinity]
  const [above, below] = [limit('exclusiveMinimum') ?? -Infinity, limit('exclusiveMaximum') ?? Infinity]
  return value >= least && value <= most && value > above && value < below
}

function isText(schema: JsonSchema, value: string): Verdict {
  const { minLength = 0, maxLength = Infinity, pattern } = schema
  if (value.length < Number(minLength) || value.length > Number(maxLength)) return false
  if (typeof pattern !== 'string') return true
  try {
    return new RegExp(pattern, 'u').test(value)
  } catch {
    return undefined
  }
}

/** Whether no value is taken by both, as far as that shows: other types, other choices, another discriminator. */
export function areDisjoint(
  documents: readonly [SchemaDocument, SchemaDocument],
  parts: readonly [unknown, unknown],
): boolean {
  const [one, other] = [documents[0].resolve(parts[0]), documents[1].resolve(parts[1])]
  if (one['$ref'] !== undefined || other['$ref'] !== undefined) return false
  if (!shareType(typesOf(one), typesOf(other))) return true
  const [values, others] = [valuesOf(one), valuesOf(other)]
  if (values?.every((value) => accepts(documents[1], other, value) === false)) return true
  if (others?.every((value) => accepts(documents[0], one, value) === false)) return true
  const [known, properties] = [one['properties'], other['properties']]
  if (typesOf(one).join() !== 'object' || !isObject(known) || !isObject(properties)) return false
  const required = Array.isArray(one['required']) ? one['required'].map(String) : []
  return required.some(
    (name) =>
      Object.hasOwn(known, name) &&
      Object.hasOwn(properties, name) &&
      valuesOf(documents[0].resolve(known[name])) !== undefined &&
      areDisjoint(documents, [known[name], properties[name]]),
  )
}
