import { FUNCTION, type OptionChecks, whole } from '../check-argument.ts'
import { EtcdError } from '../errors.ts'
import type { KeyRange, Namespace } from '../key-range.ts'
import type { CallDeadline } from '../call-deadline.ts'
import { following } from './abortable.ts'
import { waitForCaller } from './caller-wait.ts'
import { type PagerPorts, pageDeadline, readPaged } from './pager.ts'
import { RawPage, rawRange, type ScanPage } from './range-page.ts'
import {
  type CallControl,
  CONTROL_CHECKS,
  RANGE_CHECKS,
  type RangeParts,
  rangeRequest,
} from './range-query.ts'

/** What to read, and how. */
export interface ScanOptions extends Omit<CallControl, 'timeoutMs'> {
  /** Read as it was at this revision, so that several ranges can be read at one. Default, and 0: the revision of the first page. */
  readonly revision?: number
  /** Entries per page, from 1 on. Default: 5,000 first, then the rest in three parts of 5,000 to 50,000 each. */
  readonly pageSize?: number
  /** Leave the first bytes of every key away, those of the prefix for one. Default 0. */
  readonly skipKeyBytes?: number
  /**
   * Milliseconds for the whole scan, starting over included. Default: as long as it takes, each page within the client's
   * `timeouts.callMs`.
   */
  readonly timeoutMs?: number
  /**
   * Called when the scan's own revision was compacted while it ran: forget the pages so far, it starts over at a newer
   * one. Without it, and with `revision`, the scan fails with `compacted`. A promise of it is waited for.
   */
  readonly onRestart?: () => unknown
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

/** The checks of `ScanOptions`. */
export const SCAN_CHECKS: OptionChecks<RangeParts & ScanOptions> = {
  ...RANGE_CHECKS,
  ...CONTROL_CHECKS,
  revision: whole(0),
  pageSize: whole(1),
  skipKeyBytes: whole(0),
  onRestart: FUNCTION,
}

const FIRST_PAGE_SIZE = 5_000
const MAX_PAGE_SIZE = 50_000
const MAX_RESTARTS = 3

/** etcd counts the whole rest of the range for every page, so many small pages cost more than the entries themselves. */
function laterPageSize(page: RawPage): number {
  return Math.min(MAX_PAGE_SIZE, Math.max(FIRST_PAGE_SIZE, Math.ceil((page.count - page.length) / 3)))
}

/**
 * Reads a range page by page at one revision. The next page is asked for as soon as the last key of a page is known, so
 * that the server works while this page is decoded.
 */
export async function scanRange(
  ports: PagerPorts,
  namespace: Namespace,
  query: KeyRange & ScanOptions,
  onPage: (page: ScanPage) => unknown,
): Promise<ScanResult> {
  const deadline = pageDeadline(ports.clock, query)
  // What the caller's own code throws is no word of the scan's, whatever code it has.
  let isCallersOwn = false
  const handOver = async (page: ScanPage): Promise<void> => {
    isCallersOwn = true
    await waitForCaller(onPage(page), { ...ports, deadline, signal: query.signal })
    isCallersOwn = false
  }
  for (let restarts = 0; ; restarts += 1) {
    try {
      return await scanOnce(ports, namespace, query, deadline, handOver)
    } catch (error) {
      const isCompacted = error instanceof EtcdError && error.code === 'compacted' && !query.revision
      const isOver = isCallersOwn || query.onRestart === undefined || restarts === MAX_RESTARTS
      if (!isCompacted || isOver) throw error
      await waitForCaller(query.onRestart?.(), { ...ports, deadline, signal: query.signal })
    }
  }
}

async function scanOnce(
  ports: PagerPorts,
  namespace: Namespace,
  query: KeyRange & ScanOptions,
  deadline: CallDeadline | undefined,
  onPage: (page: ScanPage) => Promise<void>,
): Promise<ScanResult> {
  const { pageSize, skipKeyBytes = 0 } = query
  let later = pageSize
  const paging = {
    method: rawRange,
    request: { ...rangeRequest(query, namespace), limit: pageSize ?? FIRST_PAGE_SIZE },
    read: (bytes: Buffer) => new RawPage(bytes),
    limitAfter: (page: RawPage) => (later ??= laterPageSize(page)),
  }
  let { revision = 0, clusterId = 0n } = query
  let count = 0
  const { stop, release } = following(query.signal)
  try {
    for await (const page of readPaged(ports, paging, { ...query, signal: stop.signal }, deadline)) {
      revision ||= page.header.revision
      clusterId ||= page.header.clusterId
      count += page.length
      await onPage(page.decode(revision, namespace.prefix.length + skipKeyBytes))
    }
    return { revision, count, clusterId }
  } finally {
    release()
    stop.abort()
  }
}
