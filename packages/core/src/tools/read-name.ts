import * as z from 'zod/v4/core'
import { childSchemaNode } from '../schema/child-node.ts'
import { compileSchema } from '../schema/compile-schema.ts'
import { readingsOf, type SchemaNode } from '../schema/schema-node.ts'
import { unheld } from '../pipeline/tree-place.ts'
import { readLeaves } from './read-back.ts'
import { unstorable } from './reserved-names.ts'

/** Why a name of a path, below what `parent` reads, is not read as that name; undefined where it is. */
export function unreadName(name: string, parent: SchemaNode): string | undefined {
  const problem = unstorable(name) ?? unheld(name, parent)
  if (problem !== undefined) return problem
  const readings = readingsOf(parent)
  return readings.length === 0 || readings.some((reading) => isReadAsNamed(name, reading))
    ? undefined
    : 'the schema reads that name as another, or refuses it'
}

/** Whether a part of that name is found under the same name in what is read. */
function isReadAsNamed(name: string, node: SchemaNode): boolean {
  // The names of items give their order, be it with zeros before them.
  if (node.type === 'list') return /^\d+$/.test(name)
  if (node.type !== 'record' && node.type !== 'map') return childSchemaNode(node, name) !== undefined
  // The keys of most records: any text is itself.
  if (node.type === 'record' && node.key.type === 'leaf' && node.key.isAnyText) return true
  const listed = node.key.schema._zod.values
  if (node.type === 'record' && listed !== undefined) return [...listed].map(String).includes(name)
  const read = readLeaves(bareOf(node), [{ path: [name], text: 'x' }], { isRenamed: false })
  if (!read.isValid) return false
  if (!(read.value instanceof Map)) return Object.hasOwn(Object(read.value) as object, name)
  const [key] = read.value.keys()
  const text = node.key.type === 'leaf' ? node.key.write(key) : String(key)
  return text === name
}

/** Compiled once for each record and map: a tree of 10,000 entries asks as often. */
const bareSchemas = new WeakMap<SchemaNode, SchemaNode>()

/** A record or map with its keys alone: the values and checks of the whole have no say in how a key is read. */
function bareOf(node: SchemaNode): SchemaNode {
  const known = bareSchemas.get(node)
  if (known !== undefined) return known
  const { def } = (node.schema as z.$ZodTypes)._zod
  const bare = { ...def, valueType: new z.$ZodAny({ type: 'any' }), checks: [] }
  const schema =
    node.type === 'map' ? new z.$ZodMap(bare as z.$ZodMapDef) : new z.$ZodRecord(bare as z.$ZodRecordDef)
  const compiled = compileSchema(schema, { naming: 'exact' })
  bareSchemas.set(node, compiled)
  return compiled
}
