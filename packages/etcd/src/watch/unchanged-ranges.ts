import { EtcdError } from '../errors.ts'
import type { WireRange } from '../key-range.ts'
import type { TxnSize } from '../reflector/txn-size.ts'
import type { Channel } from '../transport/transport.ts'
import type { RangeRequest, RangeResponse } from '../wire/kv.ts'
import type { Init } from '../wire/message-type.ts'
import { KV } from '../wire/rpc.ts'

/** A range, and the revision up to which its changes are known. */
export interface KnownRange {
  readonly range: WireRange
  readonly revision: number
}

/** What to read, and how. */
export interface UnchangedRequest {
  readonly channel: Channel
  /** How many operations the server accepts in one transaction. */
  readonly size: TxnSize
  readonly ranges: readonly KnownRange[]
  /** The revision to compare with; not before any of the known ones. */
  readonly revision: number
  readonly clusterId: bigint | undefined
  readonly signal: AbortSignal
}

/**
 * Tells for each range whether its content at a revision is exactly what it was at the known one: no key was
 * written in between, and there are as many keys. A key that was created and deleted in between leaves no
 * trace, and none in the content. Reads of past revisions do not depend on when they are answered, so this
 * holds on every server; it costs the server a walk over each range.
 *
 * @throws EtcdError `compacted` if a known revision is gone, `future_revision` for another store, and any error
 * of a read
 */
export async function unchangedRanges(request: UnchangedRequest): Promise<boolean[]> {
  const { channel, size, ranges, revision, clusterId, signal } = request
  const control = { signal, retry: 'read', ...(clusterId === undefined ? {} : { clusterId }) } as const
  const reads = ranges.flatMap((known): Init<RangeRequest>[] => [
    { ...known.range, revision, minModRevision: known.revision + 1, limit: 1, keysOnly: true },
    // Revision 1 is that of the empty store; 0 would mean the newest.
    { ...known.range, revision: Math.max(1, known.revision), countOnly: true },
  ])
  const answers = await size.split(reads, async (some): Promise<RangeResponse[]> => {
    const success = some.map((value) => ({ request: { type: 'range' as const, value } }))
    const { responses } = await channel.unary(KV.txn, { success }, control)
    const found = responses.flatMap(({ response }) => (response?.type === 'range' ? [response.value] : []))
    if (found.length !== some.length) throw new EtcdError('malformed_message', { call: 'KV/Txn' })
    return found
  })
  return ranges.map((_, index) => {
    const [later, earlier] = answers.slice(2 * index)
    return later?.kvs.length === 0 && later.count === earlier?.count
  })
}
