import type { $ZodType } from 'zod/v4/core'
import type { ConfigDefinition } from '../config-definition.ts'
import type { Path } from '../issue.ts'
import { compileSchema } from '../schema/compile-schema.ts'
import { isOpenAt, schemaNodeAt } from '../schema/describe.ts'
import type { SchemaNode } from '../schema/schema-node.ts'
import { SECRET_TEXT } from '../secret-text.ts'
import { firstDifference } from './first-difference.ts'
import { readJsonPart, readLeaves } from './read-back.ts'
import { pathOf, schemaAt } from './schema-at.ts'

/**
 * What the schema reads the text of one key as, for people: a value where it is valid alone, else undefined. What is secret,
 * may hold a secret, or stands at a place that the schema does not know, reads `[secret]`.
 *
 * @throws LivetreeError `invalid_path`
 */
export function readText(definition: ConfigDefinition<$ZodType>, path: string | Path, text: string): unknown {
  const at = pathOf(path)
  return isOpenAt(definition.compiled, at) ? valueOfText(definition, at, text) : SECRET_TEXT
}

/**
 * The same for tools that write: the value also of what is secret, which nobody is shown.
 *
 * @throws LivetreeError `invalid_path`
 */
export function valueOfText(
  definition: ConfigDefinition<$ZodType>,
  path: string | Path,
  text: string,
): unknown {
  const node = readerAt(definition, pathOf(path))
  if (node.type === 'leaf' && node.isAnyText) return text
  const read = readLeaves(node, [{ path: [], text }], { isRenamed: definition.naming !== 'exact' })
  return read.isValid ? read.value : undefined
}

/**
 * Whether the schema makes the same of the text of a key as of a value in a document, such as a date of its text.
 *
 * @param json the value, as a document has it
 * @throws LivetreeError `invalid_path`
 */
export function isReadAlike(
  definition: ConfigDefinition<$ZodType>,
  path: string | Path,
  { text, json }: { readonly text: string; readonly json: string },
): boolean {
  const read = valueOfText(definition, path, text)
  const direct = readJsonPart(readerAt(definition, pathOf(path)), json)
  return read !== undefined && direct.isValid && firstDifference(direct.value, read) === undefined
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
