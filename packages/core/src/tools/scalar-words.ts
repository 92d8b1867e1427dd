import type * as z from 'zod/v4/core'
import { isValid } from '../pipeline/validate.ts'
import type { Path } from '../issue.ts'
import type { LeafNode } from '../schema/schema-node.ts'
import { leafForm } from '../schema/leaf-form.ts'
import { kindOf, refuseKind, refuseValue } from './unwritable.ts'

/** Why a valid value of a kind has no text. */
const NO_TEXT: Readonly<Record<string, string>> = {
  string: 'half of a surrogate pair cannot be stored as UTF-8',
  bigint: 'it has more than 10,000 digits',
  date: 'only the years 0000 to 9999 are read',
  enum: 'it prints like another value of the enum',
  literal: 'it prints like another of the literals',
}

/**
 * Refuses a value for which a leaf has no text.
 *
 * @throws Unwritable
 */
export function refuseScalar(node: LeafNode, value: unknown, path: Path): never {
  const { def } = (node.schema as z.$ZodTypes)._zod
  if (isValid(node.schema, value)) {
    const reason = NO_TEXT[def.type] ?? `no text is read as this ${kindOf(value)}`
    return refuseValue(path, `the schema takes the value, but ${reason}`)
  }
  return refuseKind(path, expectedOf(def, node), value)
}

function expectedOf(def: z.$ZodTypes['_zod']['def'], node: LeafNode): string {
  const form = leafForm(node.schema)
  if (form !== undefined) return form.name
  if (def.type === 'custom') return 'bytes'
  if (def.type !== 'enum' && def.type !== 'literal') return def.type.replace('template_literal', 'string')
  if (node.hasSecret) return def.type
  return [...(node.schema._zod.values ?? [])]
    .map((value) => (typeof value === 'string' ? JSON.stringify(value) : String(value)))
    .join(' | ')
}
