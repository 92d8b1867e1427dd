import * as z from 'zod/v4/core'
import { LivetreeError } from '../errors.ts'
import type { Path } from '../issue.ts'
import { nearestName } from '../nearest-name.ts'
import { parsePathText, pathText } from '../format/path-text.ts'
import { childSchemaNode } from '../schema/child-node.ts'
import { readingsOf, type SchemaNode } from '../schema/schema-node.ts'

/**
 * The segments of a path that is given as text, `db.pool.max`, or as segments.
 *
 * @throws LivetreeError `invalid_path` for anything else
 */
export function pathOf(path: string | Path): Path {
  if (typeof path === 'string') return parsePathText(path)
  const isPath =
    Array.isArray(path) && path.every((name) => typeof name === 'string' || typeof name === 'number')
  if (isPath) return path
  throw new LivetreeError('invalid_path', 'Expected a path: text such as "db.pool.max", or a list of names.')
}

/**
 * The zod schema of the value at a path; where the schema reads a place in several ways, a union or an intersection of
 * all of them.
 *
 * @throws LivetreeError `invalid_path`, with the name that may have been meant
 */
export function schemaAt(root: SchemaNode, path: Path): z.$ZodType {
  let at = root
  for (const [index, segment] of path.entries()) {
    const below = childSchemaNode(at, String(segment))
    if (below === undefined || below.schema._zod.def.type === 'never')
      throw unknownPath(at, path.slice(0, index + 1))
    at = below
  }
  return schemaOf(at)
}

/** The schema that a node is read by: those that were joined for looking have none of their own. */
function schemaOf(node: SchemaNode): z.$ZodType {
  if (node.type === 'union' && node.isJoined === true)
    return new z.$ZodUnion({
      type: 'union',
      options: node.options.map(schemaOf),
      inclusive: true,
    } as z.$ZodUnionDef)
  if (node.type === 'intersection' && node.isJoined === true)
    return node.sides
      .map(schemaOf)
      .reduce((left, right) => new z.$ZodIntersection({ type: 'intersection', left, right }))
  return node.schema
}

function unknownPath(parent: SchemaNode, path: Path): LivetreeError {
  const names = readingsOf(parent).flatMap((reading) =>
    reading.type === 'object' ? [...reading.properties.keys()] : [],
  )
  const nearest = nearestName(String(path.at(-1)), names)
  const meant = nearest === undefined ? '' : ` Did you mean "${pathText([...path.slice(0, -1), nearest])}"?`
  return new LivetreeError('invalid_path', `The schema has nothing at "${pathText(path)}".${meant}`)
}
