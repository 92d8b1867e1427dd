import { childSchemaNode } from '../schema/child-node.ts'
import { coreOf, type SchemaNode } from '../schema/schema-node.ts'
import { type Given, givenOf } from './given-input.ts'
import type { TreeNode } from './tree-node.ts'
import type { RawIssue } from './validate.ts'

/** An issue with its path from the root. */
export interface LocatedIssue extends RawIssue {
  /** The value that was validated: zod, and the schema's own code, saw nothing else. */
  readonly node: TreeNode
  readonly schemaNode: SchemaNode
  /** How much of the path leads to the node; the rest is what zod, or the schema's own code, says. */
  readonly at: number
  /** What zod was given; undefined where it saw no value. */
  readonly given: Given | undefined
}

/**
 * Goes down only where something is wrong; in the order of the schema, whatever that of the keys. Returns how many more
 * issues there are than zod's were kept.
 */
export function collectIssues(
  schemaNode: SchemaNode,
  node: TreeNode,
  path: readonly PropertyKey[],
  found: LocatedIssue[],
): number {
  if (node.isValid) return 0
  const given = givenOf(node.issues)
  const at = path.length
  for (const issue of node.issues)
    found.push({ ...issue, path: [...path, ...issue.path], node, schemaNode, at, given })
  let unlisted = given?.unlisted ?? 0
  if (!node.isComposed) return unlisted
  const core = coreOf(schemaNode)
  const properties = core.type === 'object' ? [...core.properties.keys()] : []
  const names = Array.from(node.children, (child) => child.name)
  for (const name of new Set([...properties, ...names])) {
    const child = node.child(name)
    const below = childSchemaNode(core, name)
    const isJudged = child?.isDirty === false && below !== undefined
    if (isJudged) unlisted += collectIssues(below, child, [...path, name], found)
  }
  return unlisted
}
