import type * as z from 'zod/v4/core'
import { reachable } from '../reachable.ts'
import { childSchemaNode } from './child-node.ts'
import { readersOf, type SchemaNode } from './schema-node.ts'
import { innerSchemas } from './secret.ts'
import { withDefinition } from './with-definition.ts'

/** Kept in the schema's own definition, which zod hands on to every copy (`.min()`, `.strict()`, `.extend()`, …). */
const RESTART = Symbol.for('livetree.restart')

/**
 * Marks a schema whose value the application reads once, when it starts, such as a port it listens on. A change of it is
 * accepted, and `current` shows it; `status.needsRestart` then has its path, until the value is again the one that the
 * process started with, or the process starts again. Inside an object that is marked, everything is.
 *
 * Returns a copy of the schema with the same type; what is made from it later keeps the mark
 * (`restart(z.number()).min(1)`).
 *
 * @throws LivetreeError `invalid_schema` for what is no zod 4 schema
 */
export function restart<S extends z.$ZodType>(schema: S): S {
  return withDefinition('restart()', schema, { [RESTART]: true })
}

/** Whether this schema itself (not what is inside it) was marked with `restart()`. */
export function isRestart(schema: z.$ZodType): boolean {
  return RESTART in schema._zod.def
}

const known = new WeakMap<z.$ZodType, boolean>()

/** Whether a schema, or anything inside it, was marked with `restart()`. */
export function holdsRestart(schema: z.$ZodType): boolean {
  let answer = known.get(schema)
  if (answer === undefined) {
    answer = [...reachable([schema], innerSchemas)].some(isRestart)
    known.set(schema, answer)
  }
  return answer
}

/**
 * Whether a change of what a path leads to needs a restart: it, or something that it lies in, is marked, or a part of it
 * is that has no path of its own, such as what a transform makes of the parts. Where the schema offers several readings, any
 * will do.
 */
export function isRestartAt(schemaNode: SchemaNode, path: readonly PropertyKey[]): boolean {
  if (!holdsRestart(schemaNode.schema)) return false
  let at: SchemaNode | undefined = schemaNode
  for (const segment of path) {
    if (at === undefined) return false
    if (isRestartHere(at)) return true
    const child = childSchemaNode(at, String(segment))
    if (child === undefined && isMade(at.schema)) return holdsRestart(at.schema)
    at = child
  }
  return at !== undefined && holdsRestart(at.schema)
}

/** Whether a transform makes the value, whose parts are then none of what the schema reads. */
function isMade(schema: z.$ZodType): boolean {
  const { def } = (schema as z.$ZodTypes)._zod
  return def.type === 'pipe' || ('innerType' in def && isMade(def.innerType))
}

function isRestartHere(schemaNode: SchemaNode): boolean {
  return [...readersOf([schemaNode])].some(({ schema }) => isRestart(schema))
}
