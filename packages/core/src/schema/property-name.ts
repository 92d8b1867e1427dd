import { lowerCase, upperCase } from './letter-case.ts'
import { coreOf, type PropertyNode, readingsOf, type SchemaNode, someReading } from './schema-node.ts'

/**
 * The name under which a child is kept, from a segment as a layer writes it; undefined where that is not how the name is
 * written, since two keys for one place would each undo the other.
 */
export function canonicalName(
  schemaNode: SchemaNode | undefined,
  segment: string,
  naming: 'stored' | 'env',
): string | undefined {
  const own = schemaNode === undefined ? undefined : propertyOf(schemaNode, segment, NAMES[naming])
  if (own !== undefined) return own.name
  const key =
    naming === 'env' && schemaNode !== undefined ? keysByEnvironment(schemaNode)?.get(segment) : undefined
  if (key !== undefined) return key
  if (naming === 'env' && segment !== upperCase(segment)) return undefined
  const name = naming === 'env' ? lowerCase(segment) : segment
  return schemaNode !== undefined && propertyOf(schemaNode, name, 'properties') !== undefined
    ? undefined
    : name
}

/** Whether a directory takes any name, and gives none of its own to the segment of a variable. */
export function hasOpenNames(schemaNode: SchemaNode | undefined, segment: string): boolean {
  if (schemaNode === undefined || propertyOf(schemaNode, segment, 'byEnvironment') !== undefined) return false
  if (keysByEnvironment(schemaNode)?.has(segment) === true) return false
  return someReading(schemaNode, takesAnyName)
}

function takesAnyName(reading: SchemaNode): boolean {
  if (reading.type === 'object') return reading.catchall !== undefined && reading.strict === undefined
  return reading.type === 'record' || reading.type === 'map' || reading.type === 'raw'
}

/** Where the schema lists the keys of a record: each by its environment variable. */
export function keysByEnvironment(schemaNode: SchemaNode): ReadonlyMap<string, string> | undefined {
  const core = coreOf(schemaNode)
  return core.type === 'record' || core.type === 'map' ? core.keysByEnvironment : undefined
}

const NAMES = { stored: 'byStored', env: 'byEnvironment' } as const

/** The property that goes by a name in one of an object's tables; the first, where the schema may be read in several ways. */
export function propertyOf(
  schemaNode: SchemaNode,
  name: string,
  table: 'properties' | 'byStored' | 'byEnvironment',
): PropertyNode | undefined {
  const core = coreOf(schemaNode)
  if (core.type === 'object') return core[table].get(name)
  if (core.type !== 'union' && core.type !== 'intersection') return undefined
  for (const reading of readingsOf(core)) {
    const found = reading.type === 'object' ? reading[table].get(name) : undefined
    if (found !== undefined) return found
  }
  return undefined
}
