import * as z from 'zod'
import { ALGORITHMS, OUTLIER_FIELDS, POLICY_FIELDS, RETRY_FIELDS } from '../balance/policy.ts'
import type { Check } from '../check-options.ts'
import { SERVICE_NAME } from '../record/service-name.ts'

/** A number that the policy's own check accepts. */
function accepted({ check }: { readonly check: Check }) {
  return z
    .number()
    .refine((value) => check.accepts(value), { message: `expected ${check.expected}` })
    .optional()
}

type Numbers<Fields> = { [Name in keyof Fields]: ReturnType<typeof accepted> }

function numbers<Fields extends Readonly<Record<string, { readonly check: Check }>>>(
  fields: Fields,
): Numbers<Fields> {
  const entries = Object.entries(fields).map(([name, field]) => [name, accepted(field)])
  return Object.fromEntries(entries) as Numbers<Fields>
}

const { algorithm: _, hashHeader, overrides: __, hostHeader: ___, ...numeric } = POLICY_FIELDS

/** The settings of one service. */
const serviceSchema = z.object({
  ...numbers(numeric),
  algorithm: z.enum(ALGORITHMS).optional(),
  hashHeader: z
    .string()
    .refine((value) => hashHeader.check.accepts(value), { message: 'expected a header name in lower case' })
    .optional(),
  hostHeader: z.enum(['endpoint', 'service']).optional(),
  overrides: z.record(z.string(), z.object({ weight: z.number().int().min(0).max(1000) })).optional(),
  outliers: z.object(numbers(OUTLIER_FIELDS)).optional(),
  retries: z.object(numbers(RETRY_FIELDS)).optional(),
})

/**
 * The balancer's settings by service, with `default` for all others, to be put into the schema of a livetree configuration:
 * `z.object({ clients: policySchema })`, then `livePolicy(config, (c) => c.clients)`. Every setting is optional.
 */
export const policySchema = z.record(
  z.string().refine((name) => SERVICE_NAME.accepts(name), { message: `expected ${SERVICE_NAME.expected}` }),
  serviceSchema,
)
