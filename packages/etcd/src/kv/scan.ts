import { EtcdError } from '../errors.ts'
import { type KeyRange, keyAfter, type Namespace } from '../key-range.ts'
import type { Channel } from '../transport/transport.ts'
import type { RangeRequest } from '../wire/kv.ts'
import type { Init } from '../wire/message.ts'
import { RawPage, rawRange, type ScanPage } from './range-page.ts'
import { type CallControl, controlOf, pinned, rangeRequest } from './range-query.ts'

/** What to read, and how. */
export interface ScanOptions extends CallControl {
  /** Read as it was at this revision, so that several ranges can be read at one. Default: the revision of the first page. */
  readonly revision?: number
  /** Entries per page. Default: 5,000 first, then the rest in three parts of 5,000 to 50,000 each. */
  readonly pageSize?: number
  /** Leave the first bytes of every key away, those of the prefix for one. Default 0. */
  readonly skipKeyBytes?: number
  /**
   * Called when the scan's own revision was compacted while it ran: forget the pages so far, it starts over at a newer
   * one. Without it, and with `revision`, the scan fails with `compacted`.
   */
  readonly onRestart?: () => void
}

/** What came of a scan. */
export interface ScanResult {
  /** The revision all pages were read at. */
  readonly revision: number
  /** Entries handed over. */
  readonly count: number
  /** The cluster that answered. */
  readonly clusterId: bigint
}

const firstPageSize = 5_000
const maxPageSize = 50_000
const maxRestarts = 3

/** etcd counts the whole rest of the range for every page, so many small pages cost more than the entries themselves. */
const laterPageSize = (page: RawPage): number =>
  Math.min(maxPageSize, Math.max(firstPageSize, Math.ceil((page.count - page.length) / 3)))

/** Lets what was just written reach the socket: Node hands HTTP/2 frames over when the present turn ends. */
const afterWrites = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/**
 * Reads a range page by page at one revision. The next page is asked for as soon as the last key of a page is known, so
 * that the server works while this page is decoded.
 */
export const scanRange = async (
  channel: Channel,
  namespace: Namespace,
  query: KeyRange & ScanOptions,
  onPage: (page: ScanPage) => void,
): Promise<ScanResult> => {
  for (let restarts = 0; ; restarts += 1) {
    try {
      return await scanOnce(channel, namespace, query, onPage)
    } catch (error) {
      const isCompacted =
        error instanceof EtcdError && error.code === 'compacted' && query.revision === undefined
      if (!isCompacted || query.onRestart === undefined || restarts === maxRestarts) throw error
      query.onRestart()
    }
  }
}

const scanOnce = async (
  channel: Channel,
  namespace: Namespace,
  query: KeyRange & ScanOptions,
  onPage: (page: ScanPage) => void,
): Promise<ScanResult> => {
  const { signal: given, pageSize, skipKeyBytes = 0 } = query
  const stop = new AbortController()
  const signal = given === undefined ? stop.signal : AbortSignal.any([given, stop.signal])
  let { clusterId } = query
  const ask = (request: Init<RangeRequest>): Promise<Buffer> => {
    const control = { ...controlOf({ ...query, ...pinned(clusterId) }), signal, retry: 'read' } as const
    const answer = channel.unary(rawRange, request, control)
    // An answer nobody waits for any more, because a page before it failed, must not count as unhandled.
    answer.catch(() => undefined)
    return answer
  }
  const base = rangeRequest(query, namespace)
  let { revision = 0 } = query
  let later = pageSize
  let count = 0
  let pending: Promise<Buffer> | undefined = ask({ ...base, limit: pageSize ?? firstPageSize })
  try {
    while (pending !== undefined) {
      const page = new RawPage(await pending)
      revision ||= page.header.revision
      clusterId ??= page.header.clusterId
      count += page.length
      const lastKey = page.hasMore ? page.lastKey() : undefined
      pending = undefined
      if (lastKey !== undefined) {
        later ??= laterPageSize(page)
        pending = ask({ ...base, key: keyAfter(lastKey), revision, limit: later })
        await afterWrites()
      }
      onPage(page.decode(revision, namespace.prefix.length + skipKeyBytes))
    }
  } catch (error) {
    stop.abort(error)
    throw error
  }
  return { revision, count, clusterId: clusterId ?? 0n }
}
