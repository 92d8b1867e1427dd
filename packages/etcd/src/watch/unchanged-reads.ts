import { asEtcdError } from '../as-etcd-error.ts'
import type { EtcdError } from '../errors.ts'
import type { Namespace } from '../key-range.ts'
import type { StoreRecognizer } from '../reflector/store-recognizer.ts'
import type { Channel } from '../transport/transport.ts'
import type { JoinedRange } from './joined-range.ts'
import { unchangedRanges } from './unchanged-ranges.ts'

/** What the reads need, and what they call. */
export interface UnchangedPorts {
  readonly channel: Channel
  readonly namespace: Namespace
  readonly recognizer: Pick<StoreRecognizer, 'size' | 'txns'>
  readonly clusterId: bigint | undefined
  readonly signal: AbortSignal
  /** Reading has ended, and the next may begin. `error`: why nothing is known; undefined if the reads were answered. */
  onRead(error: EtcdError | undefined): void
}

/** Reads at which revisions the ranges of a join are unchanged, one request at a time. */
export class UnchangedReads {
  readonly #ports: UnchangedPorts
  #isReading = false
  /** What was read last: the same question is not asked again unless the caller says so. */
  #last = ''
  /** Increments when answers on the way become void. */
  #era = 0

  constructor(ports: UnchangedPorts) {
    this.#ports = ports
  }

  /** Ignores the answers on the way: another store may have given them than the one that is watched next. */
  forget(): void {
    this.#era += 1
    this.#last = ''
  }

  /** Finds out about the ranges whose content is not known at one of the revisions. `isAgain`: also if the question is the last one. */
  ask(ranges: readonly JoinedRange[], revisions: readonly number[], isAgain: boolean): void {
    const { namespace, onRead } = this.#ports
    const asked = ranges.flatMap((each) => {
      const at = revisions.filter((revision) => !each.isKnownAt(revision))
      if (at.length === 0) return []
      const { range: name, reached: from, count } = each
      return [{ each, name, range: namespace.range(name), from, count, at }]
    })
    const question = JSON.stringify(asked.map(({ from, at }) => [from, at]))
    if (this.#isReading || asked.length === 0 || (question === this.#last && !isAgain)) return
    this.#last = question
    this.#isReading = true
    const { channel, recognizer, clusterId, signal } = this.#ports
    const { size, txns } = recognizer
    const era = this.#era
    void unchangedRanges({ channel, size, txns, ranges: asked, clusterId, signal })
      .then(
        (found) => {
          if (era !== this.#era) return
          for (const [index, { each, from }] of asked.entries()) {
            const { sameAt = [], count } = found[index] ?? {}
            each.isSameAt(from, sameAt, count)
          }
        },
        (thrown: unknown) => asEtcdError(thrown, 'KV/Range'),
      )
      .then((error) => {
        this.#isReading = false
        onRead(error ?? undefined)
      })
  }
}
