import { type Check, whole } from './check-argument.ts'

/** Accepts the limit of a semaphore. */
export const LIMIT: Check = whole(1, 1_000_000)

/** The number that is stored as a limit; `undefined` for anything else. */
export function parseLimit(text: string | undefined): number | undefined {
  const limit = text !== undefined && /^\d{1,7}$/.test(text) ? Number(text) : undefined
  return LIMIT.accepts(limit) ? limit : undefined
}
