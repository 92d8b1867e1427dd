import type * as z from 'zod/v4/core'
import type { ScalarText } from './scalar-text.ts'
import { withDefinition } from './with-definition.ts'

/** Kept in the schema's own definition, as that of `secret()`, so that every copy has it. */
const FORM = Symbol.for('livetree.form')

/** A scalar that is written as text in a form of its own. */
export interface LeafForm extends ScalarText {
  /** For people: `duration`, `bytes`. */
  readonly name: string
  /** What JSON Schema says of the written form. */
  readonly jsonSchema: Readonly<Record<string, unknown>>
}

/** A copy of a schema whose leaves are read and written in a form; what is made from it keeps the form. */
export function withForm<S extends z.$ZodType>(schema: S, form: LeafForm): S {
  return withDefinition(form.name, schema, { [FORM]: form })
}

/** The form that a schema was given. */
export function leafForm({ _zod: { def } }: z.$ZodType): LeafForm | undefined {
  return FORM in def ? (def[FORM] as LeafForm) : undefined
}
