import type * as z from 'zod/v4/core'
import type { ConfigDefinition } from '../config-definition.ts'
import type { Path } from '../issue.ts'
import { reachable } from '../reachable.ts'
import { childSchemaNode } from '../schema/child-node.ts'
import { parts, readersOf, type SchemaNode } from '../schema/schema-node.ts'
import { secret } from '../schema/secret.ts'
import { withDefinition } from '../schema/with-definition.ts'
import { pathOf } from './schema-at.ts'

const INSIDE = Symbol.for('livetree.encrypted-inside')

type Definition = ConfigDefinition<z.$ZodType>

/**
 * Marks the schema of a place of which is known only that something in it is encrypted, and not what: envelopes at any depth are
 * opened, and what is in plain text may be meant so.
 */
export function encryptedInside<S extends z.$ZodType>(schema: S): S {
  return withDefinition('encryptedInside()', secret(schema, { encrypted: true }), { [INSIDE]: true })
}

/** Whether a path leads to such a place, or into one. */
export function isEncryptedInsideAt({ compiled }: Definition, path: string | Path): boolean {
  let at: SchemaNode | undefined = compiled
  for (const segment of pathOf(path)) {
    if (at === undefined || isInside(at)) break
    at = childSchemaNode(at, String(segment))
  }
  return at !== undefined && isInside(at)
}

const known = new WeakMap<SchemaNode, boolean>()

/** Whether a schema has such a place. */
export function holdsEncryptedInside({ compiled }: Definition): boolean {
  if (!compiled.hasEncrypted) return false
  const isHeld = known.get(compiled) ?? [...reachable([compiled], parts)].some(isInside)
  known.set(compiled, isHeld)
  return isHeld
}

function isInside(node: SchemaNode): boolean {
  return [...readersOf([node])].some(({ schema }) => INSIDE in schema._zod.def)
}
