import type { $ZodType } from 'zod/v4/core'
import type { ConfigDefinition } from '../config-definition.ts'
import type { Path } from '../issue.ts'
import { compileSchema } from '../schema/compile-schema.ts'
import { isOpenAt } from '../schema/describe.ts'
import { SECRET_TEXT } from '../schema/secret.ts'
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
  const node = compileSchema(schemaAt(definition.compiled, at), { naming: definition.naming })
  const read = readLeaves(node, [{ path: [], text }], { isRenamed: definition.naming !== 'exact' })
  return read.isValid ? read.value : undefined
}
