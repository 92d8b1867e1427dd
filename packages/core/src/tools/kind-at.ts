import type { $ZodType } from 'zod/v4/core'
import type { ConfigDefinition } from '../config-definition.ts'
import type { Path } from '../issue.ts'
import { schemaNodeAt } from '../schema/describe.ts'
import { isDirectory, mayBeObject } from '../schema/directory.ts'
import { coreOf, readingsOf, someReading } from '../schema/schema-node.ts'
import { pathOf } from './schema-at.ts'

/**
 * How a place is stored: `json`, as one JSON document (`z.json()`); `directory`, names below it (an object, a record, a map);
 * `list`; `scalar`, one text; `raw`, what the schema does not describe. Where the schema reads it in several ways, the first of these that is one of them. Undefined
 * where the schema has nothing.
 *
 * @param path as text, `db.pool.max`, or as segments
 */
export function kindAt(
  definition: ConfigDefinition<$ZodType>,
  path: string | Path,
): 'json' | 'directory' | 'list' | 'scalar' | 'raw' | undefined {
  const node = schemaNodeAt(definition.compiled, pathOf(path))
  if (node === undefined || node.schema._zod.def.type === 'never') return undefined
  const core = coreOf(node)
  if (core.type === 'union' && core.isJson === true) return 'json'
  if (isDirectory(node)) return 'directory'
  const readings = readingsOf(node)
  if (readings.some(({ type }) => type === 'list')) return 'list'
  return readings.some(({ type }) => type === 'leaf') ? 'scalar' : 'raw'
}

/** Whether what stands at a path may be read as a list. */
export function mayBeListAt({ compiled }: ConfigDefinition<$ZodType>, path: string | Path): boolean {
  const node = schemaNodeAt(compiled, pathOf(path))
  return node !== undefined && someReading(node, ({ type }) => type === 'list')
}

/**
 * A path without an item of a list, and what is below that: an index is the place of an item, which has the keys of another item as
 * soon as one before it is added or removed.
 */
export function aboveItems(definition: ConfigDefinition<$ZodType>, path: Path): Path {
  const depth = path.findIndex((name, at) => mayBeItem(definition, path.slice(0, at), name))
  return depth < 0 ? path : path.slice(0, depth)
}

/**
 * Whether a name below a place may be that of an item of a list. Where the schema may have an object there as well, only a number
 * may be.
 */
export function mayBeItem(
  definition: ConfigDefinition<$ZodType>,
  place: Path,
  name: string | number,
): boolean {
  return mayBeListAt(definition, place) && (isListAt(definition, place) || /^\d+$/.test(String(name)))
}

/** Whether what stands at a path with names below it is a list in any case, and no object: the schema takes none there. */
export function isListAt(definition: ConfigDefinition<$ZodType>, path: string | Path): boolean {
  const node = schemaNodeAt(definition.compiled, pathOf(path))
  return node !== undefined && mayBeListAt(definition, path) && !mayBeObject(node)
}
