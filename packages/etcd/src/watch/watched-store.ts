import type { ContinuityQuestion } from '../reflector/continuity-question.ts'
import { StoreEvidence } from '../reflector/store-evidence.ts'
import type { KnownPosition } from '../reflector/store-position.ts'
import type { ResponseHeader } from '../wire/kv.ts'
import type { Event } from '../wire/watch.ts'
import type { WatcherKnowledge } from './watch-host.ts'
import type { WatchPlan } from './watch-options.ts'

/** Keys that a watch of its own remembers its store by: there may be thousands of watches. */
const MAX_OWN_EVIDENCE = 8

/** What one watch knows of the store that it is on. */
export class WatchedStore {
  /** What the store is recognized by; nothing where only a part of the changes is delivered. */
  readonly #evidence: StoreEvidence | undefined
  /** The stream on which the store was shown to be the one that the watch was on. */
  provenOn: unknown
  #clusterId: bigint | undefined
  #raftTerm: number

  constructor(plan: WatchPlan, known: WatcherKnowledge | undefined) {
    const isWhole = plan.filters.length === 0
    this.#evidence =
      known?.evidence ?? (isWhole ? new StoreEvidence({ maxRecent: MAX_OWN_EVIDENCE }) : undefined)
    this.#clusterId = plan.clusterId
    this.#raftTerm = known?.raftTerm ?? 0
  }

  /** Undefined until a server has named it. */
  get clusterId(): bigint | undefined {
    return this.#clusterId
  }

  /** Highest raft term heard of. */
  get raftTerm(): number {
    return this.#raftTerm
  }

  /** Where the store stood when everything up to `revision` was known. */
  positionAt(revision: number): KnownPosition {
    return { clusterId: this.#clusterId, revision, raftTerm: this.#raftTerm }
  }

  /** What to ask before the watch goes on at `position`; undefined where nothing is known, or the stream was asked already. */
  questionFor(stream: unknown, position: number | undefined): ContinuityQuestion | undefined {
    if (this.provenOn === stream || position === undefined) return undefined
    return this.#evidence?.question(position - 1)
  }

  /** Whether the header is of the cluster in hand; the first one that is named is taken. */
  isOfCluster({ clusterId }: ResponseHeader): boolean {
    if (clusterId === 0n) return true
    this.#clusterId ??= clusterId
    return clusterId === this.#clusterId
  }

  hear(header: ResponseHeader): void {
    if (header.raftTerm > this.#raftTerm) this.#raftTerm = header.raftTerm
  }

  /** The last event of each key in one revision; `wereThere` tells which keys were there before it. */
  changed(events: readonly Event[], wereThere: readonly boolean[]): void {
    this.#evidence?.changed(events, wereThere)
  }
}
