import { keyAfter, type KeyRange, type Namespace } from '../key-range.ts'
import type { Channel } from '../transport/transport.ts'
import type { RangeRequest, RangeResponse } from '../wire/kv.ts'
import type { Init } from '../wire/message.ts'
import { KV } from '../wire/rpc.ts'
import { type RangeResult, rangeResult } from './operation.ts'
import { type CallControl, controlOf, pinned, rangeRequest, type ReadOptions } from './range-query.ts'

/** How to read a range in pages. */
export interface PageOptions extends ReadOptions, CallControl {
  /** Entries per page. Default 5,000. */
  readonly pageSize?: number
  /** Leave out the values. */
  readonly keysOnly?: boolean
}

const defaultPageSize = 5_000

/**
 * The pages of a range, all at the revision of the first one; `count` is what is left from each page on. The next page
 * is under way while one is being used. Throws `compacted` when that revision is compacted meanwhile.
 */
export async function* readPages(
  channel: Channel,
  namespace: Namespace,
  query: KeyRange & PageOptions,
): AsyncGenerator<RangeResult, void, undefined> {
  const { pageSize = defaultPageSize, signal: given } = query
  const stop = new AbortController()
  const signal = given === undefined ? stop.signal : AbortSignal.any([given, stop.signal])
  let { clusterId } = query
  const ask = (request: Init<RangeRequest>): Promise<RangeResponse> => {
    const control = { ...controlOf({ ...query, ...pinned(clusterId) }), signal, retry: 'read' } as const
    const answer = channel.unary(KV.range, request, control)
    answer.catch(() => undefined)
    return answer
  }
  const base = { ...rangeRequest(query, namespace), limit: pageSize }
  let { revision = 0 } = query
  let pending: Promise<RangeResponse> | undefined = ask(base)
  try {
    while (pending !== undefined) {
      const page: RangeResponse = await pending
      revision ||= page.header?.revision ?? 0
      clusterId ??= page.header?.clusterId
      const last = page.more ? page.kvs.at(-1) : undefined
      pending = last === undefined ? undefined : ask({ ...base, key: keyAfter(last.key), revision })
      yield rangeResult(page, namespace)
    }
  } finally {
    stop.abort()
  }
}
