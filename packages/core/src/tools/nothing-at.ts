import type { $ZodType } from 'zod/v4/core'
import type { ConfigDefinition } from '../config-definition.ts'
import { coverOf } from '../format/cover.ts'
import type { Path } from '../issue.ts'
import { isPlainObject } from '../pipeline/document.ts'
import { isEmptyContainer, mayMeanMore } from '../pipeline/empty-content.ts'
import { childSchemaNode } from '../schema/child-node.ts'
import { isEncryptedAt, schemaNodeAt } from '../schema/describe.ts'
import { isDirectory } from '../schema/directory.ts'
import { pathOf } from './schema-at.ts'

/**
 * Whether a text, or a value of a document, at an encrypted place needs no envelope, since there is nothing in it: it hides what
 * lower layers have, or is an empty list or object and all that the place has. A part of the place has a name, also where it is empty.
 *
 * @param isQuoted it stands in a document
 */
export function isNothingAt(
  definition: ConfigDefinition<$ZodType>,
  path: string | Path,
  value: unknown,
  isQuoted: boolean,
): boolean {
  const names = pathOf(path)
  const cover = coverOf(value)
  if (cover === 'remove') return true
  if (names.length > 0 && isEncryptedAt(definition.compiled, names.slice(0, -1))) return false
  if (cover === undefined && !isEmptyContainer(value)) return false
  const schemaNode = schemaNodeAt(definition.compiled, names)
  if (schemaNode === undefined) return cover === 'empty'
  return !mayMeanMore(schemaNode, cover === 'empty' ? {} : value, isQuoted)
}

/**
 * Whether a part of a document lies in objects alone, which are merged with those of lower layers: in a list, and where the schema
 * takes anything, a word that hides lower layers is text.
 *
 * @param path where the document stands
 * @param names lead to the part, as the schema has them
 * @param written the same names as the document has them
 */
export function isMergedAt(
  { compiled }: ConfigDefinition<$ZodType>,
  path: string | Path,
  document: unknown,
  { names, written }: { readonly names: Path; readonly written: readonly string[] },
): boolean {
  let schemaNode = schemaNodeAt(compiled, pathOf(path))
  let value = document
  for (const [depth, name] of written.entries()) {
    if (schemaNode === undefined || !isDirectory(schemaNode) || !isPlainObject(value)) return false
    value = value[name]
    schemaNode = childSchemaNode(schemaNode, String(names[depth] ?? name))
  }
  return true
}
