import { isNothingButItself, isScalar, requiresItself } from './directory.ts'
import { refuse } from './refuse.ts'
import { refuseSealedSides } from './refuse-sealed.ts'
import type { SchemaNode } from './schema-node.ts'

/**
 * Refuses what only the whole schema tells.
 *
 * @param isRecursive whether a schema was met inside itself
 * @throws LivetreeError `invalid_schema`
 */
export function refuseUnreadable(
  schemaNode: SchemaNode,
  path: readonly string[],
  isRecursive: boolean,
): void {
  if (isRecursive && isNothingButItself(schemaNode))
    refuse(path, 'a schema that is nothing but itself', 'put an object, a list or a record in between')
  if (isRecursive && requiresItself(schemaNode))
    refuse(path, 'an object that requires itself', 'make the inner one optional')
  if (schemaNode.type === 'intersection') refuseSealedSides(schemaNode, path)
  if (schemaNode.type === 'map' && !isScalar(schemaNode.key))
    refuse(path, 'a map whose keys are not scalars', 'use text, numbers or an enum as keys')
}
