import { textOfScalar, valueOfScalar } from '../format/written-scalar.ts'
import type { LeafNode } from '../schema/schema-node.ts'
import { REFUSED } from '../schema/text.ts'
import { Unreadable } from '../source/source.ts'
import { isPlainObject } from './document.ts'
import { RefusedValue, UnreadableText } from './document-text.ts'
import { kindOf } from './kind-of-value.ts'
import { plainValue } from './plain-value.ts'

/**
 * What zod is given for a text or a scalar at a leaf.
 *
 * @throws UnreadableText
 */
export function inputOfLeaf(schemaNode: LeafNode, value: unknown): unknown {
  const input = isCoercible(schemaNode, value) ? leafValue(schemaNode, value) : REFUSED
  if (input instanceof Unreadable) throw new UnreadableText(input)
  if (input !== REFUSED) return input
  const expected = schemaNode.schema._zod.def.type
  throw new RefusedValue(new Unreadable(`${kindOf(value)} where a ${expected} is expected`))
}

/** zod coerces whatever it is given: null to 0, an object to the text "[object Object]". */
function isCoercible({ isCoerced }: LeafNode, value: unknown): boolean {
  if (isCoerced !== true || typeof value !== 'object') return true
  const isCollection = value instanceof Map || value instanceof Set
  return value !== null && !Array.isArray(value) && !isPlainObject(value) && !isCollection
}

function leafValue(schemaNode: LeafNode, value: unknown): unknown {
  if (typeof value === 'string') return schemaNode.read(value)
  const text = textOfScalar(value)
  const typed = valueOfScalar(value)
  return text === undefined
    ? plainValue(value)
    : schemaNode.readTyped(typed as number | bigint | boolean, text)
}
