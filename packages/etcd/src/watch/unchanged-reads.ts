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
  readonly recognizer: Pick<StoreRecognizer, 'size'>
  readonly clusterId: bigint | undefined
  readonly signal: AbortSignal
  /** Reading has ended, and the next may begin. */
  onRead(): void
  onFailed(error: EtcdError): void
}

/** Reads which ranges of a join are unchanged, one request at a time. */
export class UnchangedReads {
  readonly #ports: UnchangedPorts
  #isReading = false
  /** What was read last: the same question is not asked again unless the caller says so. */
  #last = ''

  constructor(ports: UnchangedPorts) {
    this.#ports = ports
  }

  /** Finds out about the ranges that have not reached the target. `isAgain`: also if the question is the last one. */
  ask(ranges: readonly JoinedRange[], target: number, isAgain: boolean): void {
    const { namespace, onRead, onFailed } = this.#ports
    const behind = ranges
      .filter(({ reached }) => reached < target)
      .map((each) => ({ each, range: namespace.range(each.range), revision: each.reached }))
    const question = JSON.stringify([target, behind.map(({ revision }) => revision)])
    if (this.#isReading || behind.length === 0 || (question === this.#last && !isAgain)) return
    this.#last = question
    this.#isReading = true
    const { channel, recognizer, clusterId, signal } = this.#ports
    unchangedRanges({ channel, size: recognizer.size, ranges: behind, revision: target, clusterId, signal })
      .then(
        (answers) => {
          // What has arrived meanwhile is not a part of the answer.
          for (const [index, { each, revision }] of behind.entries())
            if (answers[index] === true && each.reached === revision) each.unchangedTo(target)
        },
        (thrown: unknown) => onFailed(asEtcdError(thrown, 'KV/Txn')),
      )
      .finally(() => {
        this.#isReading = false
        onRead()
      })
  }
}
