import type { $ZodType } from 'zod/v4/core'
import type { ConfigDefinition } from '../config-definition.ts'
import { coverOf } from '../format/cover.ts'
import type { Path } from '../issue.ts'
import { isPlainObject } from '../pipeline/document.ts'
import { childSchemaNode } from '../schema/child-node.ts'
import { isEncryptedAt, schemaNodeAt } from '../schema/describe.ts'
import { isDirectory, mayBeText } from '../schema/directory.ts'
import { pathOf } from './schema-at.ts'

/**
 * Whether a text at an encrypted place needs no envelope, since there is nothing in it: it hides what lower layers have, or is
 * an empty list or object and all that the place has. A part of the place has a name, also where it is empty.
 */
export function isNothingAt(
  definition: ConfigDefinition<$ZodType>,
  path: string | Path,
  text: string,
): boolean {
  const names = pathOf(path)
  const cover = coverOf(text)
  if (cover === 'remove') return true
  const isPart = names.length > 0 && isEncryptedAt(definition.compiled, names.slice(0, -1))
  return !isPart && (cover === 'empty' || isEmptyAt(definition, names, text))
}

/** Whether a text is an empty list or object, where the schema cannot mean the text itself. */
export function isEmptyAt(
  { compiled }: ConfigDefinition<$ZodType>,
  path: string | Path,
  text: string,
): boolean {
  if (!/^\s*(\[\s*\]|\{\s*\})\s*$/.test(text)) return false
  const schemaNode = schemaNodeAt(compiled, pathOf(path))
  return schemaNode !== undefined && !mayBeText(schemaNode)
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
