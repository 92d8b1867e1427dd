import type { ListNode, ObjectNode, PropertyNode, SchemaNode, UnionNode } from '../schema/schema-node.ts'
import { textOfScalar, valueOfScalar } from '../format/written-scalar.ts'

/**
 * The property that a name in a document stands for: by its own name or as `naming` writes it. Where a document has
 * both, the latter counts.
 */
export function propertyIn(schemaNode: ObjectNode, value: object, name: string): PropertyNode | undefined {
  const stored = schemaNode.byStored.get(name)
  if (stored !== undefined) return stored
  const exact = schemaNode.properties.get(name)
  return exact !== undefined && Object.hasOwn(value, exact.stored) ? undefined : exact
}

/** The schema node of a list's item by its place. */
export function itemSchemaNode(schemaNode: ListNode, index: number): SchemaNode | undefined {
  return schemaNode.as === 'tuple' ? (schemaNode.items[index] ?? schemaNode.rest) : schemaNode.items[0]
}

/** The option of a discriminated union for a tag, as it stands in the tree. */
export function optionByTag(schemaNode: UnionNode, tag: unknown): SchemaNode | undefined {
  const typed = valueOfScalar(tag)
  // names no option, and may be nothing that can be made into text
  if (typeof typed === 'object' && typed !== null) return undefined
  const { discriminator } = schemaNode
  if (discriminator === undefined) return undefined
  const text = (textOfScalar(tag) ?? String(typed)).replace(/\r?\n$/, '')
  for (const option of schemaNode.options) {
    for (const value of option.schema._zod.propValues?.[discriminator] ?? []) {
      if (value !== undefined && (value === typed || String(value) === text)) return option
    }
  }
  return undefined
}

/** Whether a list is written as a map is: a key and a value in each item. */
export function isListOfPairs(value: unknown): value is readonly (readonly [unknown, unknown])[] {
  // A list with holes has no pairs there, and `every` passes over them
  return (
    Array.isArray(value) &&
    Array.from(value as unknown[]).every((pair) => Array.isArray(pair) && pair.length === 2)
  )
}
