import type { KeyValue, ResponseHeader } from '../wire/kv.ts'
import type { StoreEvidence } from './store-evidence.ts'
import { setbackSince, type StorePosition } from './store-position.ts'

/**
 * The one answer to "is this still the same store". It is another one when its cluster id is another, its revision or
 * its raft term went back, or it is not, at a revision that is known, what it was at that revision. Each other store is
 * a new epoch.
 */
export class StoreEpochs {
  #known: StorePosition | undefined
  #evidence: StoreEvidence | undefined
  #isDisproven = false
  #epoch = 0

  /** Rises by one with each other store; 0 for the first. */
  get epoch(): number {
    return this.#epoch
  }

  get known(): StorePosition | undefined {
    return this.#known
  }

  /** Everything up to this revision is known now. */
  reached(revision: number): void {
    const known = this.#known
    if (known !== undefined && revision > known.revision) this.#known = { ...known, revision }
  }

  /** What else was heard of the store. */
  heard(raftTerm: number): void {
    const known = this.#known
    if (known !== undefined && raftTerm > known.raftTerm) this.#known = { ...known, raftTerm }
  }

  /** The store that answers is another one, as a watch has seen: a list alone may not show it. */
  disproven(): void {
    this.#isDisproven = true
  }

  /** Whether a linearizable answer, asked for when the store stood at `known`, is from another store. */
  static isOther(known: StorePosition | undefined, answer: ResponseHeader): boolean {
    return setbackSince(known, answer) !== undefined
  }

  /** Whether an entry of a new list shows that the store is another one. */
  doubts(kv: KeyValue): boolean {
    const isDoubt = this.#known !== undefined && this.#evidence!.contradicts(kv, this.#known.revision)
    this.#isDisproven ||= isDoubt
    return isDoubt
  }

  /** Whether a list is from another store than what is known. */
  isOther(header: ResponseHeader): boolean {
    return this.#isDisproven || StoreEpochs.isOther(this.#known, header)
  }

  /** A list is whole: from here on it is what is known. */
  listed(header: ResponseHeader, evidence: StoreEvidence): void {
    const isOther = this.isOther(header)
    if (isOther) this.#epoch += 1
    const { clusterId, revision, raftTerm } = header
    this.#known = { clusterId, revision, raftTerm }
    this.#evidence = evidence
    this.#isDisproven = false
  }

  /** What the store is remembered by. */
  get evidence(): StoreEvidence | undefined {
    return this.#evidence
  }
}
