import { prefaultOf } from './filled-in.ts'
import { coreOf, everyReading, parts, type SchemaNode, someReading } from './schema-node.ts'

/** Whether an absent node is read as an empty directory, so that what is inside can have its defaults. */
export function isMadeWhenAbsent(schemaNode: SchemaNode): boolean {
  if (schemaNode.type === 'wrapper')
    return (
      (schemaNode.wrapper === 'readonly' || schemaNode.wrapper === 'pipe') &&
      isMadeWhenAbsent(schemaNode.inner)
    )
  return isNamed(schemaNode)
}

/**
 * Whether an object cannot be without another of its kind inside, so that no value is ever complete. `given`: the object that
 * a `prefault` gives in its place.
 */
export function requiresItself(
  schemaNode: SchemaNode,
  at: SchemaNode = schemaNode,
  seen = new Set<SchemaNode>(),
  given: object = {},
): boolean {
  if (seen.has(at)) return at === schemaNode
  seen.add(at)
  if (at.type === 'wrapper') {
    const filled = prefaultOf(at.schema)
    const isFilled = typeof filled === 'object' && filled !== null
    if (!isFilled && !isMadeWhenAbsent(at)) return false
    return requiresItself(schemaNode, at.inner, seen, isFilled ? filled : given)
  }
  if (at.type !== 'object') return false
  return [...at.properties].some(
    ([, { name, schemaNode: part }]) => !Object.hasOwn(given, name) && requiresItself(schemaNode, part, seen),
  )
}

/** Whether a schema leads to itself with no part of a value in between, so that reading it never ends. */
export function isNothingButItself(
  schemaNode: SchemaNode,
  at: SchemaNode = schemaNode,
  seen = new Set<SchemaNode>(),
): boolean {
  if (seen.has(at)) return at === schemaNode
  seen.add(at)
  const isOfOnePlace = at.type === 'wrapper' || at.type === 'union' || at.type === 'intersection'
  return isOfOnePlace && parts(at).some((part) => isNothingButItself(schemaNode, part, seen))
}

/** Whether typed objects are spread over child nodes, so that layers merge leaf by leaf. */
export function isDirectory(schemaNode: SchemaNode): boolean {
  return someReading(schemaNode, isNamed)
}

/** Whether text can only mean a JSON document here (never where a plain text would do as well). */
export function isPureDirectory(schemaNode: SchemaNode): boolean {
  return everyReading(schemaNode, isNamed)
}

/** Whether an object may be read here: also where anything may be, or one option of a union is an object. */
export function mayBeObject(schemaNode: SchemaNode): boolean {
  return someReading(schemaNode, (reading) => isNamed(reading) || reading.type === 'raw')
}

/** Whether text of any kind may be read here as it stands. `z.json()` reads text that is JSON, and no other. */
export function mayBeText(schemaNode: SchemaNode): boolean {
  const core = coreOf(schemaNode)
  if (core.type === 'union' && core.isJson === true) return false
  return someReading(
    schemaNode,
    (reading) =>
      reading.type === 'raw' || (reading.type === 'leaf' && TEXT_TYPES.has(reading.schema._zod.def.type)),
  )
}

const TEXT_TYPES: ReadonlySet<string> = new Set(['string', 'template_literal'])

/** Whether it is one key's text and never a directory. */
export function isScalar(schemaNode: SchemaNode): boolean {
  return everyReading(schemaNode, ({ type }) => type === 'leaf')
}

/** Whether it is a scalar that takes whatever its text is read as to zod, also where that is refused. */
export function isPlainLeaf(schemaNode: SchemaNode): boolean {
  return schemaNode.type === 'leaf' && !schemaNode.isCoerced && !schemaNode.mayRefuse
}

/** Whether its parts go by names. */
export function isNamed(schemaNode: SchemaNode): boolean {
  return schemaNode.type === 'object' || schemaNode.type === 'record' || schemaNode.type === 'map'
}
