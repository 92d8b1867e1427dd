import { coreOf, intersectionOf, type IntersectionNode, isMadeWhenAbsent } from '../schema/schema-node.ts'
import type { ListNode, ObjectNode, RecordNode, SchemaNode } from '../schema/schema-node.ts'
import { bareObject, isPlainObject } from './document.ts'
import { sortedNames } from './name-order.ts'
import { itemSchemaNode, plainValue, propertyIn } from './typed-input.ts'

/** Reads a part of the value by a part of the schema. */
export type ReadPart = (schemaNode: SchemaNode, value: unknown) => unknown

/** The option of a union that takes a value; undefined where none does. */
export type ChooseOption = (union: SchemaNode & { type: 'union' }, value: unknown) => SchemaNode | undefined

/**
 * What both sides of an intersection are given for an object or a list: each part is read by the sides that know it, and
 * a name that only one side knows by that one. Undefined where the sides are of other kinds, or the value is.
 */
export function partsOfIntersection(
  node: IntersectionNode,
  value: unknown,
  read: ReadPart,
  choose: ChooseOption,
): unknown {
  const sides = [...sidesOf(node, value, choose)].filter(({ type }) => type !== 'raw')
  if (isPlainObject(value)) return sides.every(isNamed) ? objectOf(node, sides, value, read) : undefined
  if (!Array.isArray(value) || !sides.every(isList)) return undefined
  const [first] = sides
  if (first === undefined || sides.some(({ as }) => as !== first.as)) return undefined
  const items = Array.from(value as unknown[], (item, index) => {
    const below = sides.flatMap((side) => itemSchemaNode(side, index) ?? [])
    return readBy(node, below, item, read)
  })
  return first.as === 'set' ? new Set(items) : items
}

/** The plans that are intersected, each once: one that comes back to itself on both sides is read once at each level. */
function sidesOf(
  schemaNode: SchemaNode,
  value: unknown,
  choose: ChooseOption,
  found = new Set<SchemaNode>(),
  seen = new Set<SchemaNode>(),
): Set<SchemaNode> {
  const core = coreOf(schemaNode)
  if (seen.has(core)) return found
  seen.add(core)
  const chosen = core.type === 'union' ? choose(core, value) : undefined
  const inner = core.type === 'intersection' ? [core.left, core.right] : chosen === undefined ? [] : [chosen]
  for (const side of inner) sidesOf(side, value, choose, found, seen)
  if (inner.length === 0) found.add(core)
  return found
}

const isNamed = (schemaNode: SchemaNode): schemaNode is ObjectNode | RecordNode =>
  schemaNode.type === 'object' || schemaNode.type === 'record'

const isList = (schemaNode: SchemaNode): schemaNode is ListNode => schemaNode.type === 'list'

function objectOf(
  node: IntersectionNode,
  sides: readonly (ObjectNode | RecordNode)[],
  value: Record<string, unknown>,
  read: ReadPart,
): Record<string, unknown> {
  const input = bareObject()
  for (const name of sortedNames(value)) {
    if (name === '__proto__') continue
    const plans = new Map<string, SchemaNode[]>()
    for (const side of sides) {
      const found = partAt(side, value, name)
      if (found !== undefined) plans.set(found.name, [...(plans.get(found.name) ?? []), found.schemaNode])
    }
    if (plans.size === 0 && sides.some((side) => side.type === 'object' && side.properties.has(name)))
      continue
    if (plans.size === 0) input[name] = plainValue(value[name])
    for (const [key, below] of plans) input[key] = readBy(node, below, value[name], read)
  }
  const properties = sides.flatMap((side) => (side.type === 'object' ? [...side.properties.values()] : []))
  for (const { name } of properties) {
    if (Object.hasOwn(input, name)) continue
    const below = properties
      .filter((property) => property.name === name)
      .map((property) => property.schemaNode)
    if (below.some(isMadeWhenAbsent)) input[name] = readBy(node, below, {}, read)
  }
  return input
}

function partAt(
  side: ObjectNode | RecordNode,
  value: object,
  name: string,
): { name: string; schemaNode: SchemaNode } | undefined {
  if (side.type === 'record') return { name, schemaNode: side.value }
  const property = propertyIn(side, value, name)
  if (property !== undefined) return property
  return side.catchall === undefined || side.properties.has(name)
    ? undefined
    : { name, schemaNode: side.catchall }
}

function readBy(
  node: IntersectionNode,
  plans: readonly SchemaNode[],
  value: unknown,
  read: ReadPart,
): unknown {
  const [first, ...others] = new Set(plans)
  if (first === undefined) return plainValue(value)
  return read(
    others.reduce((left, right) => intersectionOf(node, left, right), first),
    value,
  )
}
