import { EtcdError } from '../errors.ts'
import type { KeyValue, ResponseHeader } from '../wire/kv.ts'
import type { EvidenceByRange } from './evidence-by-range.ts'
import { setbackSince, type StorePosition } from './store-position.ts'
import type { RecognitionOptions, StoreRecognizer } from './store-recognizer.ts'

/**
 * Decides whether answers come from the same store. It is another one if the cluster id differs, if the
 * revision or the raft term went back, or if its state at a known revision differs. Each other store starts a
 * new epoch.
 */
export class StoreEpochs {
  #known: StorePosition | undefined
  #evidence: EvidenceByRange | undefined
  #isDisproven = false
  #epoch = 0

  /** Increments with each other store; starts at 0. */
  get epoch(): number {
    return this.#epoch
  }

  get known(): StorePosition | undefined {
    return this.#known
  }

  /** Everything up to this revision is now known. */
  reached(revision: number): void {
    const known = this.#known
    if (known !== undefined && revision > known.revision) this.#known = { ...known, revision }
  }

  /** Records a raft term received by other means. */
  heard(raftTerm: number): void {
    const known = this.#known
    if (known !== undefined && raftTerm > known.raftTerm) this.#known = { ...known, raftTerm }
  }

  /** Records that another store than the known one has answered, which a list alone may not show. */
  disproven(): void {
    this.#isDisproven = this.#known !== undefined
  }

  /** True if a linearizable answer, requested when the store was at `known`, comes from another store. */
  static isOther(known: StorePosition | undefined, answer: ResponseHeader): boolean {
    return setbackSince(known, answer) !== undefined
  }

  /**
   * Asks the store what it held when all was known: one whose keys were all written since contradicts nothing in its list.
   *
   * @throws EtcdError if there was no answer
   */
  async verify(recognizer: StoreRecognizer, options: RecognitionOptions): Promise<void> {
    const known = this.#known
    const question = known && this.#evidence?.question(known.revision)
    if (question === undefined) return
    try {
      const found = await recognizer.recognize({ question, known, options })
      if (found.type === 'other') this.disproven()
    } catch (error) {
      // What it held then is gone.
      if (!(error instanceof EtcdError) || error.code !== 'compacted') throw error
    }
  }

  /** True, and recorded, if an entry of a new list shows that the store is another one. */
  doubts(kv: KeyValue): boolean {
    const isDoubt =
      this.#known !== undefined && this.#evidence?.contradicts(kv, this.#known.revision) === true
    this.#isDisproven ||= isDoubt
    return isDoubt
  }

  /** True if a list comes from another store than the known one. */
  isOther(header: ResponseHeader): boolean {
    return this.#isDisproven || StoreEpochs.isOther(this.#known, header)
  }

  /** A list is complete: it becomes the known state, which is returned. */
  listed(header: ResponseHeader, evidence: EvidenceByRange): StorePosition {
    const isOther = this.isOther(header)
    if (isOther) this.#epoch += 1
    const { clusterId, revision, raftTerm } = header
    const known = { clusterId, revision, raftTerm }
    this.#known = known
    this.#evidence = evidence
    this.#isDisproven = false
    return known
  }

  /** The evidence by which the known store is recognized. */
  get evidence(): EvidenceByRange | undefined {
    return this.#evidence
  }
}
