import { type Clock, monotonicNow } from '../clock.ts'
import { BACKLOG_BYTES_PER_MS } from '../transport/patience.ts'

/**
 * Starts to measure what the other calls of a connection receive, such as a large list: the answers of a server wait behind it.
 * The returned function is true if it has come since then faster than what trickles over a connection without a backlog.
 */
export function measureBacklog(clock: Clock, othersBytes: () => number): () => boolean {
  const since = monotonicNow(clock)
  const before = othersBytes()
  return () => othersBytes() - before > BACKLOG_BYTES_PER_MS * (monotonicNow(clock) - since)
}
