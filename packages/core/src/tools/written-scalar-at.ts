import type { $ZodType } from 'zod/v4/core'
import { coverOf } from '../format/cover.ts'
import type { ConfigDefinition } from '../config-definition.ts'
import type { Path } from '../issue.ts'
import { isOpenAt, schemaNodeAt } from '../schema/describe.ts'
import { isPlainLeaf } from '../schema/directory.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import { runsOwnCode } from '../schema/own-code.ts'
import { pathOf } from './schema-at.ts'

/**
 * The value of a text that `writeValue` writes as this very text, or refuses: where the schema has text, a number or a boolean
 * without code of its author, and nothing secret. Undefined for all other texts, of which only `writeValue` itself can tell.
 * Costs no validation.
 *
 * @param path as text, `db.pool.max`, or as segments
 */
export function writtenScalarAt(
  definition: ConfigDefinition<$ZodType>,
  path: string | Path,
  text: string,
): string | number | boolean | undefined {
  // That a layer hides others is no value.
  if (coverOf(text) !== undefined) return undefined
  const at = pathOf(path)
  const node = underWrappers(schemaNodeAt(definition.compiled, at))
  if (node?.type !== 'leaf' || !isPlainLeaf(node) || runsOwnCode(node.schema)) return undefined
  const value = node.read(text)
  const isScalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
  return isScalar && node.write(value) === text && isOpenAt(definition.compiled, at) ? value : undefined
}

/** Wrappers that hand on what is given: `nullable` reads text as null, and `catch` and `pipe` make another value of it. */
const PLAIN: ReadonlySet<string> = new Set(['optional', 'default', 'readonly', 'lazy'])

function underWrappers(schemaNode: SchemaNode | undefined): SchemaNode | undefined {
  let at = schemaNode
  for (let depth = 0; at?.type === 'wrapper' && PLAIN.has(at.wrapper) && depth < 100; depth++) at = at.inner
  return at
}
