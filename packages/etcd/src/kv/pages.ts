import { FLAG, type OptionChecks, whole } from '../check-argument.ts'
import type { KeyRange } from '../key-range-form.ts'
import type { Namespace } from '../key-range.ts'
import type { KeyValue, RangeResponse } from '../wire/kv.ts'
import { KV } from '../wire/rpc.ts'
import { abortable, type AbortableIterator } from './abortable.ts'
import { type RangeResult, rangeResult } from './operation.ts'
import { type Page, type PagerPorts, pageDeadline, readPaged } from './pager.ts'
import {
  type CallControl,
  COUNT_CHECKS,
  type RangeParts,
  rangeRequest,
  type ReadOptions,
} from './range-query.ts'

/** Options of `pages` and `iterate`. */
export interface PageOptions extends ReadOptions, Omit<CallControl, 'timeoutMs'> {
  /** Entries per page, at least 1. Default 5,000. */
  readonly pageSize?: number
  /** Return keys without values. */
  readonly keysOnly?: boolean
  /**
   * Milliseconds for all pages together, including the time the reader takes. Default: unlimited, with the
   * client's `timeouts.callMs` for each page.
   */
  readonly timeoutMs?: number
}

/** The checks of `PageOptions`. */
export const PAGE_CHECKS: OptionChecks<RangeParts & PageOptions> = {
  ...COUNT_CHECKS,
  pageSize: whole(1),
  keysOnly: FLAG,
}

const DEFAULT_PAGE_SIZE = 5_000

/** A page of decoded entries. */
class DecodedPage implements Page {
  readonly response: RangeResponse

  constructor(response: RangeResponse) {
    this.response = response
  }

  get header(): RangeResponse['header'] {
    return this.response.header
  }

  get hasMore(): boolean {
    return this.response.more
  }

  get length(): number {
    return this.response.kvs.length
  }

  lastKey(): Buffer | undefined {
    return this.response.kvs.at(-1)?.key
  }

  eachEntry(onEntry: (modRevision: number, at: number, end: number) => void): void {
    for (const [at, { modRevision }] of this.response.kvs.entries()) onEntry(modRevision, at, at + 1)
  }

  entryAt(at: number): KeyValue {
    return this.response.kvs[at]!
  }
}

/**
 * Reads the pages of a validated range, all at the revision of the first one. `count` is the number of
 * entries from each page on. The next page is requested while one is being used.
 *
 * @throws EtcdError `compacted` if that revision is compacted meanwhile
 */
export function readPages(
  ports: PagerPorts,
  namespace: Namespace,
  query: KeyRange & PageOptions,
): AbortableIterator<RangeResult> {
  const { pageSize = DEFAULT_PAGE_SIZE, signal: given } = query
  const request = { ...rangeRequest(query, namespace), limit: pageSize }
  return abortable(given, async function* (signal) {
    const deadline = pageDeadline(ports.clock, query)
    const paging = {
      method: KV.range,
      request,
      read: (answer: RangeResponse) => new DecodedPage(answer),
      limitAfter: () => pageSize,
    }
    for await (const { response } of readPaged(ports, paging, { ...query, signal }, deadline)) {
      yield rangeResult(response, namespace)
    }
  })
}
