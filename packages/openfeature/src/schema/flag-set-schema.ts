import { invariant } from '@livetree/core'
import * as z from 'zod'
import { tellIssues } from './flag-issue.ts'
import { flagIssues } from './flag-issues.ts'
import { referenceIssues } from './reference-issues.ts'

const NAME = z.string().min(1)
const METADATA = z.record(NAME, z.union([z.string(), z.number(), z.boolean()]))

const FLAG = z
  .object({
    state: z.enum(['ENABLED', 'DISABLED']),
    variants: z.record(NAME, z.json()),
    defaultVariant: z.string().nullish(),
    targeting: z.json().optional(),
    metadata: METADATA.optional(),
  })
  .superRefine((flag, context) => {
    tellIssues(flagIssues(flag), (path, message) =>
      context.addIssue({ code: 'custom', path: [...path], message }),
    )
  })

/**
 * A set of flags in flagd's format, to be put into the schema of a livetree configuration:
 * `z.object({ features: flagSetSchema })`, then `new LivetreeProvider(config, (c) => c.features)`. It refuses what flagd
 * would find when a flag is evaluated: a default or a result that names no variant, variants of several types, a targeting
 * with an operator or arguments that do not exist, and references to evaluators that are not there.
 *
 * Source: https://flagd.dev/reference/flag-definitions/ and the JSON schema at https://flagd.dev/schema/v0/flags.json.
 */
export const flagSetSchema = invariant(
  z.object({
    $schema: z.string().optional(),
    flags: z.record(NAME, FLAG),
    $evaluators: z.record(NAME, z.json()).optional(),
    metadata: METADATA.optional(),
  }),
  ({ flags, $evaluators }, complain) => {
    tellIssues(referenceIssues(flags, $evaluators), complain)
  },
)

/** A set of flags in flagd's format. */
export type FlagSet = z.output<typeof flagSetSchema>
