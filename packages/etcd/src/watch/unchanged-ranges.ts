import { EtcdError } from '../errors.ts'
import type { KeyRange } from '../key-range-form.ts'
import type { WireRange } from '../key-range.ts'
import type { TxnSize } from '../reflector/txn-size.ts'
import type { TxnSupport } from '../reflector/txn-support.ts'
import type { Channel } from '../transport/transport.ts'
import { type NamedRead, PastReads } from './past-reads.ts'

/** A range whose content is known at a revision, and later revisions, ascending, to compare it with. */
export interface ComparedRange {
  /** As the caller knows it, for errors. */
  readonly name: KeyRange
  readonly range: WireRange
  readonly from: number
  /** How many keys it has there; undefined: that is read. */
  readonly count: number | undefined
  readonly at: readonly number[]
}

/** What was found of one range. */
export interface Comparison {
  /** The revisions at which the content is what it was. */
  readonly sameAt: readonly number[]
  /** How many keys it had; undefined if the number that was given is in doubt. */
  readonly count: number | undefined
}

/** What to read, and how. */
export interface UnchangedRequest {
  readonly channel: Channel
  /** How many operations the server accepts in one transaction. */
  readonly size: TxnSize
  /** Whether it accepts any. */
  readonly txns: TxnSupport
  readonly ranges: readonly ComparedRange[]
  readonly clusterId: bigint | undefined
  readonly signal: AbortSignal
}

/** The server walks over the keys that it counts. Counting this number takes about as long as another request, some 0.2 ms. */
const CHEAP_KEYS = 5_000

/**
 * Finds for each range revisions at which its content is exactly what it was at the known one. At the last of them no
 * key was written since, and there are as many keys: so each known key was there all the time. Then the content is the
 * same at each revision with as many keys. So the range is read once, and its keys are counted at the other revisions. A range that was written to until then is the same at
 * none, as far as this tells: its changes are on their way. A key that was created and deleted in between
 * leaves no trace in later content. Reads of past revisions do not depend on when they are answered, so this
 * holds on every server.
 *
 * @throws EtcdError `compacted` if a revision is gone, `future_revision` for another store, `permission_denied`
 * with the range, and any error of a read
 */
export async function unchangedRanges({ ranges, ...how }: UnchangedRequest): Promise<Comparison[]> {
  const reads = ranges.flatMap(({ name, range, from, count, at }): NamedRead[] => {
    const counted = [
      // Revision 1 is that of the empty store; 0 would mean the newest.
      ...(count === undefined ? [Math.max(1, from)] : []),
      ...at.slice(0, -1),
    ].map((revision) => ({ name, read: { ...range, revision, countOnly: true } }))
    const last = { ...range, revision: at.at(-1) ?? from, minModRevision: from + 1, limit: 1, keysOnly: true }
    return [...counted, { name, read: last }]
  })
  const keys = ranges.reduce((sum, { count = Infinity, at }) => sum + count * at.length, 0)
  const answers = (await new PastReads(how).all(reads, keys <= CHEAP_KEYS)).values()
  const next = () => {
    const { value } = answers.next()
    if (value === undefined) throw new EtcdError('malformed_message', { call: 'KV/Range' })
    return value
  }
  return ranges.map(({ count: given, at }) => {
    const count = given ?? next().count
    const counts = at.slice(0, -1).map(() => next().count)
    const last = next()
    const isUnwritten = last.kvs.length === 0
    // Where keys are missing at the last one, others may have taken their place in between.
    const isSameAtLast = isUnwritten && last.count === count
    const sameAt = isSameAtLast ? at.filter((_, index) => (counts[index] ?? last.count) === count) : []
    // A number that was kept while changes were counted may be wrong, and would be for ever.
    const isDoubtful = given !== undefined && isUnwritten && sameAt.length < at.length
    return { sameAt, count: isDoubtful ? undefined : count }
  })
}
