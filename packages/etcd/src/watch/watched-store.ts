import type { ContinuityQuestion } from '../reflector/continuity-question.ts'
import { StoreEvidence } from '../reflector/store-evidence.ts'
import type { KnownPosition } from '../reflector/store-position.ts'
import type { KeyValue, ResponseHeader } from '../wire/kv.ts'
import type { Event } from '../wire/watch.ts'
import type { WatcherKnowledge } from './watch-host.ts'
import type { WatchPlan } from './watch-options.ts'

/**
 * Number of keys a watch remembers to recognize its store; low, because there may be thousands of watches.
 */
const MAX_OWN_EVIDENCE = 8

/** What one watch knows of its store. */
export class WatchedStore {
  /** Evidence to recognize the store; undefined if only some changes are delivered. */
  readonly #evidence: StoreEvidence | undefined
  /** The stream on which the store was recognized. */
  provenOn: unknown
  /** Questions about the store in a row that had no answer. */
  unanswered = 0
  #clusterId: bigint | undefined
  #raftTerm: number

  constructor(plan: WatchPlan, known: WatcherKnowledge | undefined) {
    const isWhole = plan.filters.length === 0
    this.#evidence =
      known?.evidence ?? (isWhole ? new StoreEvidence({ maxRecent: MAX_OWN_EVIDENCE }) : undefined)
    this.#clusterId = plan.clusterId
    this.#raftTerm = known?.raftTerm ?? 0
  }

  /** Undefined until a server has reported it. */
  get clusterId(): bigint | undefined {
    return this.#clusterId
  }

  /** The highest raft term seen. */
  get raftTerm(): number {
    return this.#raftTerm
  }

  /** The position in the store at which everything up to `revision` was known. */
  positionAt(revision: number): KnownPosition {
    return { clusterId: this.#clusterId, revision, raftTerm: this.#raftTerm }
  }

  /** True if something is known of the store that must be verified before the watch continues on `stream`. */
  isToVerify(stream: unknown, position: number | undefined): boolean {
    return this.provenOn !== stream && this.isKnownAt(position)
  }

  /** The reads to verify before the watch continues at `position`; undefined if nothing is known there. */
  questionAt(position: number | undefined): ContinuityQuestion | undefined {
    return position === undefined ? undefined : this.#evidence?.question(position - 1)
  }

  /** True if something is known of the store at `position`, by which it can be recognized. */
  isKnownAt(position: number | undefined): boolean {
    return position !== undefined && position > 1 && this.#evidence?.isEmpty === false
  }

  /** False if only some changes are delivered, so that what is known would become outdated. */
  get canLearn(): boolean {
    return this.#evidence !== undefined
  }

  /** Adds entries that were read at the watch's position. */
  learn(kvs: readonly KeyValue[]): void {
    this.#evidence?.read(kvs)
  }

  /** True if the header is from the watch's cluster; the first cluster reported is adopted. */
  isOfCluster({ clusterId }: ResponseHeader): boolean {
    if (clusterId === 0n) return true
    this.#clusterId ??= clusterId
    return clusterId === this.#clusterId
  }

  hear(header: ResponseHeader): void {
    if (header.raftTerm > this.#raftTerm) this.#raftTerm = header.raftTerm
  }

  /** Adds the last event of each key in one revision; `wereThere` tells which keys existed before it. */
  changed(events: readonly Event[], wereThere: readonly boolean[]): void {
    this.#evidence?.changed(events, wereThere)
  }
}
