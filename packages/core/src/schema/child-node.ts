import { recordPart } from './loose-record.ts'
import { coreOf, type IntersectionNode, parts, readingsOf, type SchemaNode } from './schema-node.ts'

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
    case 'intersection': {
      const { plans, hasUnion } = readingsOf(core)
      const children = plans.flatMap((plan) => (plan.type === 'list' ? parts(plan) : childOf(plan, segment)))
      return joined(core, children, hasUnion ? 'union' : 'intersection')
    }
    default:
      return undefined
  }
}

function childOf(plan: SchemaNode, segment: string): readonly SchemaNode[] {
  const child = childSchemaNode(plan, segment)
  return child === undefined ? [] : [child]
}

/** Several schema nodes in one, for looking only: nothing is validated by its schema. */
function joined(
  origin: SchemaNode,
  plans: readonly SchemaNode[],
  type: 'union' | 'intersection',
): SchemaNode | undefined {
  const different = [...new Set(plans)]
  if (different.length < 2) return different[0]
  if (type === 'intersection') return intersectionOf(origin, different)
  const base = looking(origin, different)
  return { ...base, type, options: different, discriminator: undefined, isJoined: true }
}

/** Plans that all read the same value, as the sides of one intersection; undefined where there is none. */
export function intersectionOf(origin: SchemaNode, plans: readonly SchemaNode[]): SchemaNode | undefined {
  const sides = [...new Set(plans.flatMap((plan) => (isJoined(plan) ? plan.sides : [plan])))]
  if (sides.length < 2) return sides[0]
  return { ...looking(origin, sides), type: 'intersection', sides, isJoined: true }
}

function isJoined(plan: SchemaNode): plan is IntersectionNode {
  return plan.type === 'intersection' && plan.isJoined === true
}

function looking(origin: SchemaNode, plans: readonly SchemaNode[]) {
  return {
    schema: origin.schema,
    isSecret: plans.some((schemaNode) => schemaNode.isSecret),
    hasSecret: plans.some((schemaNode) => schemaNode.hasSecret),
    isDecomposable: false,
  }
}
