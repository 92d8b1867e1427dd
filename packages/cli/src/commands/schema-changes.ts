import type { JsonSchema } from '@livetree/core/tools'

/** One place where two schemas differ. */
export interface SchemaChange {
  readonly path: string
  readonly what: string
  /** Every tree that the earlier schema takes, this one takes too, as far as this place goes. */
  readonly isCompatible: boolean
}

interface Place {
  readonly schema: JsonSchema
  readonly isRequired: boolean
}

/** What says nothing of which values are taken. */
const ABOUT = new Set([
  'title',
  'description',
  'default',
  'examples',
  '$schema',
  '$id',
  'deprecated',
  'writeOnly',
])

/** Where two JSON Schemas of a configuration differ, place by place. */
export function schemaChanges(before: JsonSchema, after: JsonSchema): readonly SchemaChange[] {
  const [old, now] = [placesOf(before), placesOf(after)]
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((path): readonly SchemaChange[] => {
    const [was, is] = [old.get(path), now.get(path)]
    if (was === undefined && is !== undefined) return [added(path, is)]
    if (was !== undefined && is === undefined)
      return [{ path, what: 'is gone: a tree that has it has an unknown key', isCompatible: false }]
    return was === undefined || is === undefined ? [] : changed(path, was, is)
  })
}

function added(path: string, { isRequired }: Place): SchemaChange {
  if (!isRequired) return { path, what: 'is new, and may be missing', isCompatible: true }
  return { path, what: 'is new and required: trees have not got it', isCompatible: false }
}

function changed(path: string, was: Place, is: Place): readonly SchemaChange[] {
  const found: SchemaChange[] = []
  if (was.isRequired !== is.isRequired) {
    const what = is.isRequired ? 'is required now' : 'may be missing now'
    found.push({ path, what, isCompatible: !is.isRequired })
  }
  const [before, after] = [ruleOf(was.schema), ruleOf(is.schema)]
  if (before !== after)
    found.push({
      path,
      what: `takes ${after}, and took ${before}`,
      isCompatible: isWider(was.schema, is.schema),
    })
  const [standIn, newStandIn] = [was.schema['default'], is.schema['default']].map((value) =>
    JSON.stringify(value),
  )
  if (standIn !== newStandIn)
    found.push({
      path,
      what: `has the default ${newStandIn ?? 'nothing'}, and had ${standIn ?? 'nothing'}`,
      isCompatible: true,
    })
  return found
}

/** Every place of a schema that has a value of its own. */
function placesOf(schema: JsonSchema): ReadonlyMap<string, Place> {
  const places = new Map<string, Place>()
  const visit = (at: JsonSchema, path: readonly string[], isRequired: boolean) => {
    const {
      properties,
      additionalProperties,
      required = [],
    } = at as {
      readonly properties?: Readonly<Record<string, JsonSchema>>
      readonly additionalProperties?: unknown
      readonly required?: readonly string[]
    }
    const parts = Object.entries(properties ?? {})
    for (const [name, part] of parts)
      visit(part, [...path, name], required.includes(name) && part['default'] === undefined)
    const isRecord = typeof additionalProperties === 'object' && additionalProperties !== null
    if (isRecord) visit(additionalProperties as JsonSchema, [...path, '<key>'], false)
    if (properties === undefined && !isRecord) places.set(path.join('.'), { schema: at, isRequired })
  }
  visit(schema, [], true)
  return places
}

/** What a place takes, as JSON Schema says it, without what says nothing of that. */
function ruleOf(schema: JsonSchema): string {
  const rule = Object.entries(schema)
    .filter(([name]) => !ABOUT.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify(Object.fromEntries(rule))
}

const LEAST = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems']
const MOST = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems']

/** Whether a rule takes everything that another takes, as far as that is decidable: limits that are further apart, more choices. */
function isWider(was: JsonSchema, is: JsonSchema): boolean {
  return [...new Set([...Object.keys(was), ...Object.keys(is)])].every((name) => {
    const [before, after] = [was[name], is[name]]
    if (ABOUT.has(name) || JSON.stringify(before) === JSON.stringify(after)) return true
    if (name === 'type' && before === 'integer' && after === 'number') return true
    if (name === 'enum' && Array.isArray(before) && Array.isArray(after))
      return before.every((choice) => after.includes(choice))
    if (LEAST.includes(name))
      return after === undefined || (typeof before === 'number' && Number(after) <= before)
    if (MOST.includes(name))
      return after === undefined || (typeof before === 'number' && Number(after) >= before)
    return false
  })
}
