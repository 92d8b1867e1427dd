import type { JsonSchema } from '@livetree/core/tools'

/** Stands for a schema that a reference does not lead to: nothing is known of it. */
const UNRESOLVED: JsonSchema = { $ref: 'unresolved' }

/** What says nothing of which values are taken. */
const ABOUT: ReadonlySet<string> = new Set([
  ...['title', 'description', 'default', 'examples', 'deprecated', 'writeOnly', 'readOnly'],
  ...['$schema', '$id', 'id', '$comment', '$defs', 'definitions', '$anchor'],
])

/** A JSON Schema with what its references lead to. */
export class SchemaDocument {
  readonly #root: JsonSchema
  readonly #resolved = new WeakMap<object, JsonSchema>()

  constructor(root: JsonSchema) {
    this.#root = root
  }

  /** A part of the document as an object, in place of its reference what that leads to; the same object for the same part. */
  resolve(part: unknown): JsonSchema {
    if (part === undefined || part === true) return ANYTHING
    if (!isObject(part)) return NOTHING
    const known = this.#resolved.get(part)
    if (known !== undefined) return known
    const made = this.#follow(part)
    this.#resolved.set(part, made)
    return made
  }

  #follow(part: JsonSchema): JsonSchema {
    let schema = part
    for (let steps = 0; steps < MOST_STEPS; steps += 1) {
      const { $ref, allOf } = schema
      const [only, ...more]: readonly unknown[] = Array.isArray(allOf) ? allOf : []
      if (typeof $ref === 'string') {
        const target = this.#target($ref)
        if (target === undefined) return UNRESOLVED
        const { $ref: _, ...own } = schema
        schema = Object.keys(own).length === 0 ? target : { ...target, ...own }
      } else if (isObject(only) && more.length === 0 && isBare(schema, 'allOf')) {
        const { allOf: _, ...own } = schema
        schema = { ...only, ...own }
      } else return schema
    }
    return UNRESOLVED
  }

  /** What a pointer such as `#/$defs/node` leads to. */
  #target(reference: string): JsonSchema | undefined {
    if (!reference.startsWith('#')) return undefined
    let at: unknown = this.#root
    for (const name of reference.slice(1).split('/').slice(1)) {
      const key = name.replaceAll('~1', '/').replaceAll('~0', '~')
      if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined
      at = (at as Readonly<Record<string, unknown>>)[key]
    }
    return isObject(at) ? at : undefined
  }
}

/** References that lead to references; more are a circle. */
const MOST_STEPS = 100

const ANYTHING: JsonSchema = {}
const NOTHING: JsonSchema = { not: {} }

/** Whether something is an object, and no list. */
export function isObject(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The names of the keywords that say which values are taken. */
export function rulesOf(schema: JsonSchema): readonly string[] {
  return Object.keys(schema)
    .filter((name) => !ABOUT.has(name))
    .sort()
}

/** Whether a schema has no other rule than the one named. */
export function isBare(schema: JsonSchema, name: string): boolean {
  return rulesOf(schema).every((rule) => rule === name)
}

/** What a schema takes, as JSON Schema says it, without what says nothing of that. */
export function ruleText(schema: JsonSchema): string {
  return JSON.stringify(Object.fromEntries(rulesOf(schema).map((name) => [name, sorted(schema[name])])))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isObject(value)) return value
  const names = Object.keys(value).sort()
  return Object.fromEntries(names.map((name) => [name, sorted(value[name])]))
}
