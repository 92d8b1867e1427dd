/**
 * How long a call waits for the connection to one endpoint before it tries another one as well, in
 * milliseconds.
 */
export const PATIENCE_MS = 250

/** How long an answer must have been waited for in vain, in milliseconds, before the connection can be at fault. */
export function patienceMs({ roundTripMs }: { readonly roundTripMs: number }): number {
  return Math.max(PATIENCE_MS, 2 * roundTripMs)
}
