import { EtcdError } from '../errors.ts'
import type { WireRange } from '../key-range.ts'
import type { TxnSize } from '../reflector/txn-size.ts'
import type { Channel } from '../transport/transport.ts'
import type { RangeRequest, RangeResponse } from '../wire/kv.ts'
import type { Init } from '../wire/message-type.ts'
import { KV } from '../wire/rpc.ts'

/** A range whose content is known at a revision, and later revisions to compare it with. */
export interface ComparedRange {
  readonly range: WireRange
  readonly from: number
  readonly at: readonly number[]
}

/** What to read, and how. */
export interface UnchangedRequest {
  readonly channel: Channel
  /** How many operations the server accepts in one transaction. */
  readonly size: TxnSize
  readonly ranges: readonly ComparedRange[]
  readonly clusterId: bigint | undefined
  readonly signal: AbortSignal
}

/**
 * Returns for each range the revisions at which its content is exactly what it was at the known one: no key of
 * that content was written in between, and there are as many keys. A key that was created and deleted in
 * between leaves no trace, and none in the content. Reads of past revisions do not depend on when they are
 * answered, so this holds on every server; it costs the server a walk over the range for each revision.
 *
 * @throws EtcdError `compacted` if a known revision is gone, `future_revision` for another store, and any error
 * of a read
 */
export async function unchangedRanges(request: UnchangedRequest): Promise<number[][]> {
  const { channel, size, ranges, clusterId, signal } = request
  const control = { signal, retry: 'read', ...(clusterId === undefined ? {} : { clusterId }) } as const
  const reads = ranges.flatMap(({ range, from, at }): Init<RangeRequest>[] => [
    // Revision 1 is that of the empty store; 0 would mean the newest.
    { ...range, revision: Math.max(1, from), countOnly: true },
    ...at.map((revision) => ({ ...range, revision, minModRevision: from + 1, limit: 1, keysOnly: true })),
  ])
  const answers = await size.split(reads, async (some): Promise<RangeResponse[]> => {
    const success = some.map((value) => ({ request: { type: 'range' as const, value } }))
    const { responses } = await channel.unary(KV.txn, { success }, control)
    const found = responses.flatMap(({ response }) => (response?.type === 'range' ? [response.value] : []))
    if (found.length !== some.length) throw new EtcdError('malformed_message', { call: 'KV/Txn' })
    return found
  })
  let next = 0
  return ranges.map(({ at }) => {
    const [before, ...later] = answers.slice(next, next + 1 + at.length)
    next += 1 + at.length
    return at.filter((_, index) => {
      const answer = later[index]
      return answer?.kvs.length === 0 && answer.count === before?.count
    })
  })
}
