import { coreOf, type SchemaNode, type UnionNode } from '../schema/schema-node.ts'

/** A schema node that reads a value itself: no wrapper, union or intersection. */
export type Reader = Exclude<SchemaNode, { readonly type: 'wrapper' | 'union' | 'intersection' }>

/**
 * All schema nodes that read one value: a union's chosen option, both sides of an intersection. Each once, however often a
 * recursive schema comes back to it.
 *
 * @param optionsOf the option of a union that was chosen, or all that could be meant
 */
export function readersOf(
  schemaNodes: readonly SchemaNode[],
  optionsOf: (union: UnionNode) => readonly SchemaNode[],
): readonly Reader[] {
  const readers = new Set<Reader>()
  const seen = new Set<SchemaNode>()
  const collect = (schemaNode: SchemaNode): void => {
    const core = coreOf(schemaNode)
    if (seen.has(core)) return
    seen.add(core)
    if (core.type === 'union') for (const option of optionsOf(core)) collect(option)
    else if (core.type === 'intersection') for (const side of core.sides) collect(side)
    else if (core.type !== 'wrapper') readers.add(core)
  }
  for (const schemaNode of schemaNodes) collect(schemaNode)
  return [...readers]
}
