import { coreOf, readingsOf, type SchemaNode } from './schema-node.ts'

/** Whether an absent node is read as an empty directory, so that what is inside can have its defaults. */
export function isMadeWhenAbsent(schemaNode: SchemaNode): boolean {
  if (schemaNode.type === 'wrapper')
    return (
      (schemaNode.wrapper === 'readonly' || schemaNode.wrapper === 'pipe') &&
      isMadeWhenAbsent(schemaNode.inner)
    )
  return isNamed(schemaNode)
}

/** Whether an object cannot be without another of its kind inside, so that no value is ever complete. */
export function requiresItself(
  schemaNode: SchemaNode,
  at: SchemaNode = schemaNode,
  seen = new Set<SchemaNode>(),
): boolean {
  if (seen.has(at)) return at === schemaNode
  seen.add(at)
  if (!isMadeWhenAbsent(at)) return false
  if (at.type === 'wrapper') return requiresItself(schemaNode, at.inner, seen)
  if (at.type !== 'object') return false
  return [...at.properties.values()].some((property) => requiresItself(schemaNode, property.schemaNode, seen))
}

/** Whether typed objects are spread over child nodes, so that layers merge leaf by leaf. */
export function isDirectory(schemaNode: SchemaNode): boolean {
  return readingsOf(schemaNode).plans.some(isNamed)
}

/** Whether text can only mean a JSON document here (never where a plain text would do as well). */
export function isPureDirectory(schemaNode: SchemaNode): boolean {
  return readingsOf(schemaNode).plans.every(isNamed)
}

/** Whether an object may be read here: also where anything may be, or one option of a union is an object. */
export function mayBeObject(schemaNode: SchemaNode): boolean {
  return readingsOf(schemaNode).plans.some((plan) => isNamed(plan) || plan.type === 'raw')
}

/** Whether text of any kind may be read here as it stands. `z.json()` reads text that is JSON, and no other. */
export function mayBeText(schemaNode: SchemaNode): boolean {
  const core = coreOf(schemaNode)
  if (core.type === 'union' && core.isJson === true) return false
  return readingsOf(schemaNode).plans.some(
    (plan) => plan.type === 'raw' || (plan.type === 'leaf' && TEXT_TYPES.has(plan.schema._zod.def.type)),
  )
}

const TEXT_TYPES: ReadonlySet<string> = new Set(['string', 'template_literal'])

/** Whether it is one key's text and never a directory. */
export function isScalar(schemaNode: SchemaNode): boolean {
  return readingsOf(schemaNode).plans.every(({ type }) => type === 'leaf')
}

/** Whether its parts go by names. */
export function isNamed(schemaNode: SchemaNode): boolean {
  return schemaNode.type === 'object' || schemaNode.type === 'record' || schemaNode.type === 'map'
}
