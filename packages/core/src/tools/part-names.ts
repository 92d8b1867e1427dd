import type { $ZodType, $ZodTypes } from 'zod/v4/core'
import type { ConfigDefinition } from '../config-definition.ts'
import type { Path } from '../issue.ts'
import { schemaNodeAt } from '../schema/describe.ts'
import { readingsOf, type SchemaNode } from '../schema/schema-node.ts'
import { pathOf } from './schema-at.ts'

/**
 * Whether a part of what stands at a path has the same name in the value: not where keys are read, such as those of
 * `z.record(z.number(), …)`, where names only give an order, as the keys of the items of a list do, and where an own function
 * of the schema makes the value.
 *
 * @param form how the parts are written: as items of a JSON array, which go by their index, as parts of a JSON object, which is no
 *   list, or with a key for each
 */
export function keepsNamesAt(
  { compiled }: ConfigDefinition<$ZodType>,
  path: string | Path,
  form: 'array' | 'object' | 'keys',
): boolean {
  const node = schemaNodeAt(compiled, pathOf(path))
  return (
    node === undefined ||
    readingsOf(node).every((reading) => (form === 'array' ? keepsIndex(reading) : keepsNames(reading, form)))
  )
}

function keepsIndex(reading: SchemaNode): boolean {
  return reading.type === 'list'
    ? reading.as !== 'set'
    : reading.type === 'leaf' || keepsNames(reading, 'keys')
}

function keepsNames(reading: SchemaNode, form: 'object' | 'keys'): boolean {
  switch (reading.type) {
    case 'record':
    case 'map':
      return isExactKey(reading.key)
    case 'raw':
      return ['any', 'unknown'].includes(reading.schema._zod.def.type)
    default:
      return reading.type !== 'list' || form === 'object'
  }
}

/** Whether a key of a record or a map is the name that it is written as: no function of the schema is between them. */
function isExactKey(key: SchemaNode): boolean {
  if (key.type === 'union') return key.options.every(isExactKey)
  if (key.type === 'wrapper')
    return ['optional', 'nonoptional', 'readonly', 'lazy'].includes(key.wrapper) && isExactKey(key.inner)
  if (key.type !== 'leaf') return false
  const { def } = (key.schema as $ZodTypes)._zod
  if (def.type === 'enum' || def.type === 'literal') return true
  const isText = def.type === 'string' && key.isCoerced !== true
  return isText && [{ _zod: { def } }, ...(def.checks ?? [])].every(keepsText)
}

/** What `.trim()` and the like change, `z.url({ normalize: true })`, and an own function, which may change a text. */
function keepsText({ _zod: { def } }: { readonly _zod: { readonly def: object } }): boolean {
  const changes = 'check' in def && (def.check === 'overwrite' || def.check === 'custom')
  return !changes && !('normalize' in def && def.normalize === true)
}
