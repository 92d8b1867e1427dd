import type * as z from 'zod/v4/core'
import type { UnionNode } from './schema-node.ts'

const JSON_TYPES = 'string,number,boolean,null,array,record'

/**
 * Whether a union is what `z.json()` makes: the JSON scalars, and lists and records of itself; or of the schema that it was copied
 * from, as a mark or a refinement copies it.
 */
export function isJson({ schema }: UnionNode): boolean {
  const inner = innerUnions(schema)
  return (
    inner?.every((each) => each === schema || innerUnions(each)?.every((deeper) => deeper === each)) === true
  )
}

/** What the lists and the records of such a union hold. */
function innerUnions(schema: z.$ZodType): readonly z.$ZodType[] | undefined {
  const { def } = (schema as z.$ZodTypes)._zod
  if (def.type !== 'union' || def.options.map((option) => option._zod.def.type).join() !== JSON_TYPES)
    return undefined
  const [list, record] = def.options.slice(4) as unknown as [z.$ZodArray, z.$ZodRecord]
  const lazies = [list._zod.def.element, record._zod.def.valueType]
  return lazies.map((each) => (each._zod.def.type === 'lazy' ? (each as z.$ZodLazy)._zod.innerType : each))
}
