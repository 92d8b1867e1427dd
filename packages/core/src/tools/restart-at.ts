import type { $ZodType } from 'zod/v4/core'
import type { ConfigDefinition } from '../config-definition.ts'
import type { Path } from '../issue.ts'
import * as schema from '../schema/restart.ts'
import { pathOf } from './schema-at.ts'

/**
 * Whether a change of what a path leads to needs a restart: it, something that it lies in, or something in it is marked with
 * `restart()`. Where the schema reads the place in several ways, one of them is enough.
 *
 * @param path as text, `db.pool.max`, or as segments
 */
export function isRestartAt(definition: ConfigDefinition<$ZodType>, path: string | Path): boolean {
  return schema.isRestartAt(definition.compiled, pathOf(path))
}
