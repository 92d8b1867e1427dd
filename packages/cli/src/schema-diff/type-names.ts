import type { JsonSchema } from '@livetree/core/tools'

const ALL = ['array', 'boolean', 'null', 'number', 'object', 'string'] as const

/** The types that a schema takes; all of them if it names none. */
export function typesOf(schema: JsonSchema): readonly string[] {
  const { type } = schema
  if (typeof type === 'string') return [type]
  if (Array.isArray(type)) return type.map(String)
  const values = valuesOf(schema)
  return values === undefined ? ALL : [...new Set(values.map(typeOf))]
}

/** The only values that a schema takes; undefined if it does not list them. */
export function valuesOf(schema: JsonSchema): readonly unknown[] | undefined {
  if (schema['const'] !== undefined) return [schema['const']]
  return Array.isArray(schema['enum']) ? schema['enum'] : undefined
}

/** The type of a value of JSON. */
export function typeOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

/** Whether values of one type are of one of the others too. */
export function isAmong(type: string, types: readonly string[]): boolean {
  return types.includes(type) || (type === 'integer' && types.includes('number'))
}

/** Whether a value can be of a type of both. */
export function shareType(one: readonly string[], other: readonly string[]): boolean {
  return one.some((type) => isAmong(type, other)) || other.some((type) => isAmong(type, one))
}
