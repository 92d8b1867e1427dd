import type { $ZodType } from 'zod/v4/core'
import type { ConfigDefinition } from '../config-definition.ts'
import type { Path } from '../issue.ts'
import { compileSchema } from '../schema/compile-schema.ts'
import { isOpenAt, schemaNodeAt } from '../schema/describe.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import { SECRET_TEXT } from '../secret-text.ts'
import { readLeaves } from './read-back.ts'
import { pathOf, schemaAt } from './schema-at.ts'

/**
 * What the schema reads the text of one key as, for people: a value where it is valid alone, else undefined. What is secret,
 * may hold a secret, or stands at a place that the schema does not know, reads `[secret]`.
 *
 * @throws LivetreeError `invalid_path`
 */
export function readText(definition: ConfigDefinition<$ZodType>, path: string | Path, text: string): unknown {
  const at = pathOf(path)
  if (!isOpenAt(definition.compiled, at)) return SECRET_TEXT
  const node = readerAt(definition, at)
  if (node.type === 'leaf' && node.isAnyText) return text
  const read = readLeaves(node, [{ path: [], text }], { isRenamed: definition.naming !== 'exact' })
  return read.isValid ? read.value : undefined
}

/** Schemas compiled alone: the entries of a record have one in common. */
const readers = new WeakMap<SchemaNode, SchemaNode>()

function readerAt({ compiled, naming }: ConfigDefinition<$ZodType>, path: Path): SchemaNode {
  const known = schemaNodeAt(compiled, path)
  const reader = known === undefined ? undefined : readers.get(known)
  if (reader !== undefined) return reader
  const made = compileSchema(schemaAt(compiled, path), { naming })
  if (known !== undefined) readers.set(known, made)
  return made
}
