import { intersectionOf } from '../schema/child-node.ts'
import { isMadeWhenAbsent } from '../schema/directory.ts'
import { recordPart } from '../schema/loose-record.ts'
import type { IntersectionNode, ListNode, ObjectNode, RecordNode } from '../schema/schema-node.ts'
import { coreOf, type SchemaNode, type UnionNode } from '../schema/schema-node.ts'
import { bareObject, isPlainObject } from './document.ts'
import { heldNames } from './name-order.ts'
import { itemSchemaNode, propertyIn } from './part-node.ts'
import { plainValue } from './plain-value.ts'

/** What reads the parts of a value that is read by an intersection. */
export interface PartReader {
  /** Reads a part of the value by a part of the schema. */
  read(schemaNode: SchemaNode, value: unknown): unknown
  /** The option of a union that takes a value; undefined where none does. */
  choose(union: UnionNode, value: object): SchemaNode | undefined
}

/**
 * What all sides of an intersection are given for an object or a list: each part is read by the sides that know it, and a
 * name that only one side knows by that one. Sides of another kind take no such value, so that none of them reads it; zod
 * makes nothing of two maps.
 */
export function partsOfIntersection(
  node: IntersectionNode,
  value: Record<string, unknown> | readonly unknown[],
  reader: PartReader,
): unknown {
  const sides = [...sidesOf(node, value, reader)]
  if (isPlainObject(value)) {
    const named = sides.filter(isNamed)
    return named.length > 0 ? objectOf(node, named, value, reader) : plainValue(value)
  }
  const [first, ...others] = sides.filter(isList)
  if (first === undefined) return plainValue(value)
  const lists = [first, ...others.filter(({ as }) => (as === 'set') === (first.as === 'set'))]
  const items = Array.from(value as readonly unknown[], (item, index) => {
    const below = lists.flatMap((side) => itemSchemaNode(side, index) ?? [])
    return readBy(node, below, item, reader)
  })
  return first.as === 'set' ? new Set(items) : items
}

/** The intersected schema nodes, each once: one that comes back to itself on both sides is read once at each level. */
function sidesOf(
  schemaNode: SchemaNode,
  value: object,
  reader: PartReader,
  found = new Set<SchemaNode>(),
  seen = new Set<SchemaNode>(),
): Set<SchemaNode> {
  const core = coreOf(schemaNode)
  if (seen.has(core)) return found
  seen.add(core)
  const chosen = core.type === 'union' ? reader.choose(core, value) : undefined
  const inner = core.type === 'intersection' ? core.sides : chosen === undefined ? [] : [chosen]
  for (const side of inner) sidesOf(side, value, reader, found, seen)
  if (inner.length === 0) found.add(core)
  return found
}

function isNamed(schemaNode: SchemaNode): schemaNode is ObjectNode | RecordNode {
  return schemaNode.type === 'object' || schemaNode.type === 'record'
}

function isList(schemaNode: SchemaNode): schemaNode is ListNode {
  return schemaNode.type === 'list'
}

function objectOf(
  node: IntersectionNode,
  sides: readonly (ObjectNode | RecordNode)[],
  value: Record<string, unknown>,
  reader: PartReader,
): Record<string, unknown> {
  const input = bareObject()
  for (const name of heldNames(value)) {
    const found = new Map<string, SchemaNode[]>()
    for (const side of sides) {
      const part = partAt(side, value, name)
      if (part !== undefined) found.set(part.name, [...(found.get(part.name) ?? []), part.schemaNode])
    }
    if (found.size === 0 && sides.some((side) => side.type === 'object' && side.properties.has(name)))
      continue
    if (found.size === 0) input[name] = plainValue(value[name])
    for (const [key, below] of found) input[key] = readBy(node, below, value[name], reader)
  }
  const properties = sides.flatMap((side) => (side.type === 'object' ? [...side.properties.values()] : []))
  for (const { name } of properties) {
    if (Object.hasOwn(input, name)) continue
    const below = properties
      .filter((property) => property.name === name)
      .map((property) => property.schemaNode)
    if (below.some(isMadeWhenAbsent)) input[name] = readBy(node, below, {}, reader)
  }
  return input
}

function partAt(
  side: ObjectNode | RecordNode,
  value: object,
  name: string,
): { name: string; schemaNode: SchemaNode } | undefined {
  if (side.type === 'record') return { name, schemaNode: recordPart(side, name) }
  const property = propertyIn(side, value, name)
  if (property !== undefined) return property
  return side.catchall === undefined || side.properties.has(name)
    ? undefined
    : { name, schemaNode: side.catchall }
}

function readBy(
  node: IntersectionNode,
  schemaNodes: readonly SchemaNode[],
  value: unknown,
  reader: PartReader,
): unknown {
  const part = intersectionOf(node, schemaNodes)
  return part === undefined ? plainValue(value) : reader.read(part, value)
}
