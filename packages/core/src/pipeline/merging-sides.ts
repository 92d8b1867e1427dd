import { reachable } from '../reachable.ts'
import { runsOwnCode } from '../schema/own-code.ts'
import { type IntersectionNode, parts, type SchemaNode } from '../schema/schema-node.ts'

const known = new WeakMap<IntersectionNode, boolean>()

/**
 * Whether zod can put together what both sides of an intersection make of any value that both take. It compares the two
 * where both have a part, so that none of them may change it; and it merges neither maps nor sets.
 */
export function sidesMerge(schemaNode: IntersectionNode): boolean {
  let answer = known.get(schemaNode)
  if (answer === undefined) {
    answer = !runsOwnCode(schemaNode.schema) && [...reachable([schemaNode], parts)].every(keepsValue)
    known.set(schemaNode, answer)
  }
  return answer
}

const WRAPPERS: ReadonlySet<string> = new Set(['optional', 'nullable', 'readonly', 'nonoptional', 'lazy'])
const ANYTHING: ReadonlySet<string> = new Set(['any', 'unknown', 'never'])

function keepsValue(schemaNode: SchemaNode): boolean {
  switch (schemaNode.type) {
    case 'map':
      return false
    case 'list':
      return schemaNode.as !== 'set'
    case 'wrapper':
      return WRAPPERS.has(schemaNode.wrapper)
    case 'leaf':
      return schemaNode.isCoerced !== true && schemaNode.schema._zod.def.type !== 'nan'
    case 'raw':
      return ANYTHING.has(schemaNode.schema._zod.def.type)
    default:
      return true
  }
}
