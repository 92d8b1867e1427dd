import type { $ZodType } from 'zod/v4/core'
import type { ConfigDefinition } from '../config-definition.ts'
import type { Path } from '../issue.ts'
import { containerIn, isContainer, mayBeMeant } from '../pipeline/container-in.ts'
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
 * How an instance reads a text at a path: as a `document`, a list or an object of which the parts stand for themselves; as
 * `either`, where the schema takes the text as well, be it with secrets in it; or as it is, which is undefined.
 *
 * @param isQuoted the text stands in a document
 */
export function readingOf(
  { compiled }: ConfigDefinition<$ZodType>,
  path: string | Path,
  text: string,
  isQuoted: boolean,
): 'document' | 'either' | undefined {
  const schemaNode = schemaNodeAt(compiled, pathOf(path))
  if (schemaNode === undefined) return undefined
  if (readDocument(text, schemaNode, isQuoted).type === 'document') return 'document'
  if (!isContainer(containerIn(text, schemaNode))) return undefined
  return mayBeMeant(text, schemaNode, isQuoted) ? 'either' : 'document'
}
