import { isMadeWhenAbsent } from '../schema/directory.ts'
import { prefaultOf } from '../schema/filled-in.ts'
import { coreOf, type ObjectNode, type SchemaNode } from '../schema/schema-node.ts'
import { isPlainObject } from './document.ts'

/** An object that a `prefault` has zod read where nothing is given. */
export interface FilledObject {
  readonly core: ObjectNode
  readonly given: Readonly<Record<string, unknown>>
}

/** Whether a `prefault` stands where an absent object would be read as an empty one. */
export function hasPrefault(schemaNode: SchemaNode): boolean {
  let at = schemaNode
  while (at.type === 'wrapper' && at.wrapper === 'readonly') at = at.inner
  return at.type === 'wrapper' && at.schema._zod.def.type === 'prefault'
}

/**
 * The object that takes the place of an absent one, if zod's result for it can be assembled from the same parts as that of
 * an object that is there: so a part keeps its identity when the first key beside it comes, or the last one goes.
 */
export function filledObject(schemaNode: SchemaNode): FilledObject | undefined {
  const core = coreOf(schemaNode)
  if (!schemaNode.isDecomposable || core.type !== 'object' || !hasPrefault(schemaNode)) return undefined
  let at = schemaNode
  while (at.type === 'wrapper' && at.wrapper === 'readonly') at = at.inner
  const given = prefaultOf(at.schema)
  if (!isPlainObject(given)) return undefined
  const isKnown = Object.keys(given).every((name) => core.properties.has(name))
  // zod, unlike livetree, refuses an object without the object that it requires
  const isWhole = [...core.properties.values()].every(
    ({ name, schemaNode: part }) => Object.hasOwn(given, name) || !isMadeWhenAbsent(part),
  )
  return isKnown && isWhole ? { core, given } : undefined
}
