import { FUNCTION, type OptionChecks, whole } from '../check-argument.ts'
import { EtcdError } from '../errors.ts'
import type { KeyRange } from '../key-range-form.ts'
import type { Namespace } from '../key-range.ts'
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

/** Options of `scan`. */
export interface ScanOptions extends Omit<CallControl, 'timeoutMs'> {
  /**
   * Read the state at this revision, e.g. to read several ranges at the same one. Default, and 0: that of the
   * first page.
   */
  readonly revision?: number
  /**
   * Entries per page, at least 1. Default: 5,000 first, then the rest in three pages of 5,000 to 50,000 each.
   */
  readonly pageSize?: number
  /** Number of bytes to remove from the start of every key, e.g. those of the prefix. Default 0. */
  readonly skipKeyBytes?: number
  /**
   * Milliseconds for the whole scan, including restarts. Default: unlimited, with the client's
   * `timeouts.callMs` for each page.
   */
  readonly timeoutMs?: number
  /**
   * Called if the scan's revision is compacted while it runs: discard all pages received, the scan restarts
   * at a newer revision. Without it, or with `revision`, the scan fails with `compacted`. A returned promise
   * is awaited.
   */
  readonly onRestart?: () => unknown
}

/** The result of a scan. */
export interface ScanResult {
  /** The revision at which all pages were read. */
  readonly revision: number
  /** Number of entries passed to `onPage`. */
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

/**
 * etcd counts the rest of the range for every page: a lot of small pages cost more than the entries
 * themselves.
 */
function laterPageSize(page: RawPage): number {
  return Math.min(MAX_PAGE_SIZE, Math.max(FIRST_PAGE_SIZE, Math.ceil((page.count - page.length) / 3)))
}

/**
 * Reads a range page by page at one revision. The next page is requested as soon as the last key of a page is
 * known, so that the server works while this page is decoded.
 */
export async function scanRange(
  ports: PagerPorts,
  namespace: Namespace,
  query: KeyRange & ScanOptions,
  onPage: (page: ScanPage) => unknown,
): Promise<ScanResult> {
  const deadline = pageDeadline(ports.clock, query)
  // An error from the caller's own code must not restart the scan, whatever its code is.
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
