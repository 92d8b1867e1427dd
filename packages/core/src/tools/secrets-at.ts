import type { $ZodType } from 'zod/v4/core'
import type { ConfigDefinition } from '../config-definition.ts'
import type { Path } from '../issue.ts'
import * as describe from '../schema/describe.ts'
import { pathOf } from './schema-at.ts'

/**
 * Whether the value at a path is secret, or lies in something secret. Where the schema reads the place in several
 * ways, one of them is enough. An object that merely holds secrets is not secret itself: see `isTextOpenAt`.
 *
 * @param path as text, `db.pool.max`, or as segments
 */
export function isSecretAt(definition: ConfigDefinition<$ZodType>, path: string | Path): boolean {
  return describe.isSecretAt(definition.compiled, pathOf(path))
}

/**
 * Whether the text of a key at a path may be shown to anyone: the schema knows the place, it is not secret, and a document
 * there could not hold a secret.
 *
 * @param path as text, `db.pool.max`, or as segments
 */
export function isTextOpenAt(definition: ConfigDefinition<$ZodType>, path: string | Path): boolean {
  return describe.isOpenAt(definition.compiled, pathOf(path))
}
