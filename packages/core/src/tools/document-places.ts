import type { $ZodType } from 'zod/v4/core'
import type { ConfigDefinition } from '../config-definition.ts'
import type { Path } from '../issue.ts'
import { containerIn, isContainer } from '../pipeline/container-in.ts'
import { readDocument } from '../pipeline/document.ts'
import { childSchemaNode } from '../schema/child-node.ts'
import { schemaNodeAt } from '../schema/describe.ts'
import { canonicalName } from '../schema/property-name.ts'
import type { TextPlace } from './encrypted-text.ts'
import { pathOf } from './schema-at.ts'

/** The path of a part of a document, as an instance reads it: each name as the layer writes it, or as the schema has it. */
export function pathInDocument(
  { compiled }: ConfigDefinition<$ZodType>,
  { path, layer }: TextPlace,
  written: readonly string[],
): Path {
  const names = [...pathOf(path)]
  let schemaNode = schemaNodeAt(compiled, names)
  for (const segment of written) {
    const name =
      (layer.naming === 'stored' ? canonicalName(schemaNode, segment, 'stored') : undefined) ?? segment
    schemaNode = schemaNode === undefined ? undefined : childSchemaNode(schemaNode, name)
    names.push(name)
  }
  return names
}

/**
 * Whether an instance reads a text at a path as a list or an object, of which the parts stand for themselves.
 *
 * @param isQuoted the text stands in a document
 */
export function isReadAsDocument(
  { compiled }: ConfigDefinition<$ZodType>,
  path: string | Path,
  text: string,
  isQuoted: boolean,
): boolean {
  const schemaNode = schemaNodeAt(compiled, pathOf(path))
  if (schemaNode === undefined) return false
  const isDocument = readDocument(text, schemaNode, isQuoted).type === 'document'
  return isDocument || isContainer(containerIn(text, schemaNode, isQuoted))
}
