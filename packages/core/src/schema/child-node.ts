import { recordPart } from './loose-record.ts'
import {
  coreOf,
  hasAlternatives,
  type IntersectionNode,
  parts,
  readingsOf,
  type SchemaNode,
} from './schema-node.ts'

/**
 * The schema node of the child `segment`, as far as the schema knows one. Where it may be read in several ways, all of them
 * in one, side by side: a recursive schema comes back to the same few nodes at every level, and those of one level in those of
 * the next would be twice as many at each.
 */
export function childSchemaNode(schemaNode: SchemaNode, segment: string): SchemaNode | undefined {
  const core = coreOf(schemaNode)
  switch (core.type) {
    case 'object':
      return core.properties.get(segment)?.schemaNode ?? core.catchall
    case 'record':
      return recordPart(core, segment)
    case 'map':
      return core.value
    case 'list':
      // Names give the order of a tuple's items, not their places.
      return joined(core, parts(core), 'union')
    case 'raw':
      return core
    case 'union':
    case 'intersection':
      return childOfReadings(core, segment)
    default:
      return undefined
  }
}

function childOfReadings(core: SchemaNode, segment: string): SchemaNode | undefined {
  const children = readingsOf(core).flatMap((reading) =>
    reading.type === 'list' ? parts(reading) : childOf(reading, segment),
  )
  return joined(core, children, hasAlternatives(core) ? 'union' : 'intersection')
}

function childOf(schemaNode: SchemaNode, segment: string): readonly SchemaNode[] {
  const child = childSchemaNode(schemaNode, segment)
  return child === undefined ? [] : [child]
}

/** Several schema nodes in one, for looking only: nothing is validated by its schema. */
function joined(
  origin: SchemaNode,
  schemaNodes: readonly SchemaNode[],
  type: 'union' | 'intersection',
): SchemaNode | undefined {
  const different = [...new Set(schemaNodes)]
  if (different.length < 2) return different[0]
  if (type === 'intersection') return intersectionOf(origin, different)
  const base = looking(origin, different)
  return { ...base, type, options: different, discriminator: undefined, isJoined: true }
}

/** Schema nodes that all read the same value, as the sides of one intersection; undefined where there is none. */
export function intersectionOf(
  origin: SchemaNode,
  schemaNodes: readonly SchemaNode[],
): SchemaNode | undefined {
  const sides = [...new Set(schemaNodes.flatMap((each) => (isJoined(each) ? each.sides : [each])))]
  if (sides.length < 2) return sides[0]
  return { ...looking(origin, sides), type: 'intersection', sides, isJoined: true }
}

function isJoined(schemaNode: SchemaNode): schemaNode is IntersectionNode {
  return schemaNode.type === 'intersection' && schemaNode.isJoined === true
}

function looking(origin: SchemaNode, schemaNodes: readonly SchemaNode[]) {
  return {
    schema: origin.schema,
    isSecret: schemaNodes.some((schemaNode) => schemaNode.isSecret),
    hasSecret: schemaNodes.some((schemaNode) => schemaNode.hasSecret),
    isEncrypted: schemaNodes.some((schemaNode) => schemaNode.isEncrypted),
    hasEncrypted: schemaNodes.some((schemaNode) => schemaNode.hasEncrypted),
    isDecomposable: false,
  }
}
