import { Cron } from 'croner'
import * as z from 'zod/v4'

/** Nobody writes a longer one. */
const MAX_LENGTH = 200
const NICKNAMES: ReadonlySet<string> = new Set([
  ...['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly'],
])
const ERROR =
  'Expected a cron expression of five fields, minute hour day month weekday, such as "*/5 * * * *" or "0 3 * * MON-FRI"; with seconds before them six; or @daily'

/**
 * A schedule as a cron expression, checked by the package `croner`: five fields, or six with seconds, or a name such as
 * `@daily`. The value is the text, to be given to `new Cron(text, run)` or another scheduler. The schema is a `ZodString`.
 */
export function cron(): z.ZodString {
  return z
    .string({ error: ({ code }) => (code === 'invalid_type' ? ERROR : undefined) })
    .refine(isCron, { error: ERROR })
}

function isCron(text: string): boolean {
  if (text.length > MAX_LENGTH) return false
  const fields = text.trim().split(/\s+/)
  // croner takes a date too, for a run that comes once.
  const isForm = fields.length === 5 || fields.length === 6 || NICKNAMES.has(text.trim().toLowerCase())
  if (!isForm) return false
  try {
    // Without a function nothing is scheduled.
    new Cron(text.trim(), { paused: true }).stop()
    return true
  } catch {
    return false
  }
}
