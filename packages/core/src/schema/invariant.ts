import * as z from 'zod/v4/core'

/** Kept in the definition of the check, which zod hands on to every copy of the schema (`.strict()`, `.extend()`, …). */
const INVARIANT = Symbol.for('livetree.invariant')

/** Says that a rule of `invariant` does not hold: where, from the object or record, and what was expected. */
export type Complain = (path: readonly (string | number)[], message: string) => void

/**
 * Adds a rule over several parts of an object or a record, such as names in one that must be keys of another. It refuses what
 * `.superRefine()` with the same rule refuses, but is given the value as it is served, put together from its parts: a change of
 * one part costs that part and the rule, and not the whole value again. It is asked where all parts are valid, must not write to the
 * value, which is frozen, and what it throws is an issue.
 *
 * Returns a copy of the schema with the same type. Add refinements that change the value, and wrappers, around it.
 */
export function invariant<S extends z.$ZodType>(
  schema: S,
  rule: (value: z.output<S>, complain: Complain) => void,
): S {
  const check = z._superRefine<z.output<S>>((value, context) => {
    rule(value, (path, message) => context.addIssue({ code: 'custom', path: [...path], message }))
  })
  Object.assign(check._zod.def, {
    [INVARIANT]: true,
    // Zod asks a rule also where a refinement inside has failed; the pipeline has no value to ask it with then.
    when: ({ issues }: z.ParsePayload) => issues.length === 0,
  })
  const { def } = schema._zod
  // By descriptors: a shape or a default may be a getter that must not run yet.
  const ruled = Object.defineProperties({}, Object.getOwnPropertyDescriptors(def)) as typeof def
  Object.defineProperty(ruled, 'checks', { value: [...(def.checks ?? []), check], enumerable: true })
  return z.clone(schema, ruled, { parent: true })
}

/** A schema with the rules alone, for a value whose parts are valid; undefined where there are none. */
export function invariantsOf({ _zod: { def } }: z.$ZodType): z.$ZodType | undefined {
  const checks = (def.checks ?? []).filter(isInvariant)
  return checks.length === 0 ? undefined : new z.$ZodAny({ type: 'any', checks })
}

/** Whether a check was added by `invariant`. */
export function isInvariant(check: z.$ZodCheck<never>): boolean {
  return INVARIANT in check._zod.def
}
