/**
 * How long a call waits for the connection to one endpoint before it tries another one as well, in
 * milliseconds.
 */
export const PATIENCE_MS = 250

/** How long an answer must have been waited for in vain, in milliseconds, before the connection can be at fault. */
export function patienceMs({ roundTripMs }: { readonly roundTripMs: number }): number {
  return Math.max(PATIENCE_MS, 2 * roundTripMs)
}

/**
 * Data that comes faster than this is read from a backlog, behind which every answer waits: 4 kB a second. A peer that no
 * longer receives our window updates has to stop after the windows of its calls, 4 MiB each and at most 16 MiB, and then is
 * silent. No earlier moment is certain: what may precede the answer to a ping is what those windows allowed when the ping was
 * sent, and a peer that does not receive the ping may send as much. With a lower rate for a longer time, a slow link whose
 * buffers hold megabytes would be taken for a dead one.
 */
export const BACKLOG_BYTES_PER_MS = 4
