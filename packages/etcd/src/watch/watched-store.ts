import type { ContinuityQuestion } from '../reflector/continuity-question.ts'
import { StoreEvidence } from '../reflector/store-evidence.ts'
import type { KnownPosition } from '../reflector/store-position.ts'
import type { KeyValue, ResponseHeader } from '../wire/kv.ts'
import { EventType } from '../wire/watch.ts'
import { LateChanges } from './late-changes.ts'
import type { WholeRevision } from './revision-assembler.ts'
import type { WatcherKnowledge } from './watch-host.ts'
import { MAX_OWN_EVIDENCE, type WatchPlan } from './watch-options.ts'

/** What one watch knows of its store. */
export class WatchedStore {
  readonly #evidence: StoreEvidence
  /** The revision that the evidence stays at; undefined if it follows the changes. */
  readonly #evidenceAt: number | undefined
  /** The stream on which the store was recognized. */
  provenOn: unknown
  /** Questions about the store in a row that had no answer. */
  unanswered = 0
  #clusterId: bigint | undefined
  #raftTerm: number
  /** What arrives although the range is known without it. */
  readonly #late = new LateChanges()
  #addedKeys = 0

  constructor(plan: WatchPlan, known: WatcherKnowledge | undefined) {
    this.#evidence =
      known?.evidence ??
      new StoreEvidence({ maxRecent: MAX_OWN_EVIDENCE, onlyDeletes: plan.only === 'deletes' })
    this.#evidenceAt = known?.evidenceAt
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

  /** The position in the store at which everything up to `revision`, or more, was known. */
  positionAt(revision: number): KnownPosition {
    const known = Math.max(revision, this.#late.upTo, this.#evidenceAt ?? 0)
    return { clusterId: this.#clusterId, revision: known, raftTerm: this.#raftTerm }
  }

  /**
   * Records that the range is unchanged from the watch's position up to this revision, as reads have shown. The store is
   * recognized by its state there, and a change up to there must be undone by a later one.
   */
  unchangedTo(revision: number): void {
    this.#late.expect(revision)
  }

  /** How many keys the delivered changes have added, less those they have removed. */
  get addedKeys(): number {
    return this.#addedKeys
  }

  /** True if something is known of the store that must be verified before the watch continues on `stream`. */
  isToVerify(stream: unknown, position: number | undefined): boolean {
    return this.provenOn !== stream && this.isKnownAt(position)
  }

  /**
   * The reads to verify before the watch continues at `position`; undefined if nothing is known there. They ask for the
   * latest revision at which the range is known, which may be after the position.
   */
  questionAt(position: number | undefined): ContinuityQuestion | undefined {
    return position === undefined
      ? undefined
      : this.#evidence.question(this.#evidenceAt ?? Math.max(position - 1, this.#late.upTo))
  }

  /** True if something is known of the store at `position`, by which it can be recognized. */
  isKnownAt(position: number | undefined): boolean {
    if (position === undefined || this.#evidence.isEmpty) return false
    return (this.#evidenceAt ?? position - 1) > 0
  }

  /** False if what is known stays at a revision. */
  get canLearn(): boolean {
    return this.#evidenceAt === undefined
  }

  /** Adds entries as they were at the watch's position. `hasValues`: their values were read, too. */
  learn(kvs: readonly KeyValue[], hasValues: boolean): void {
    this.#evidence.read(kvs, hasValues)
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

  /** Adds the changes of one revision, unless everything before `position` is known. */
  take(whole: WholeRevision, position: number): 'new' | 'delivered before' | 'impossible' {
    if (whole.revision < position)
      return this.#isRepeated(whole, position) ? 'delivered before' : 'impossible'
    return this.#changed(whole) ? 'new' : 'impossible'
  }

  /** Returns false if no such change can follow what is known: the store is another one. */
  #changed({ revision, events, wereThere }: WholeRevision): boolean {
    if (revision <= this.#late.upTo) return this.#late.add(revision, events, wereThere)
    if (this.#late.isPending) return false
    for (const [index, { type }] of events.entries())
      this.#addedKeys += Number(type !== EventType.delete) - Number(wereThere[index])
    if (this.#evidenceAt === undefined) this.#evidence.changed(events, wereThere)
    return true
  }

  /** False if changes that must have been undone by now have not been. `revision`: all up to it have arrived. */
  isPossibleAt(revision: number): boolean {
    return revision < this.#late.upTo || !this.#late.isPending
  }

  /**
   * False if changes of a revision that was delivered before, or known to have none, cannot be what was known: the
   * store is another one.
   */
  #isRepeated({ revision, events }: WholeRevision, position: number): boolean {
    if (this.#evidenceAt !== undefined) return true
    if (revision !== position - 1 || revision <= this.#late.last) return true
    return this.#evidence.isRepeated(events)
  }
}
