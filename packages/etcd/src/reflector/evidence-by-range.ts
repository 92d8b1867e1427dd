import { bytesOf, type WireRange } from '../key-range.ts'
import type { KeyValue } from '../wire/kv.ts'
import type { ContinuityQuestion } from './continuity-question.ts'
import { isInRange } from './is-in-range.ts'
import { type EvidencePage, StoreEvidence } from './store-evidence.ts'

/**
 * The evidence about a store for several ranges that are followed by a watch each: every watch has its own
 * position, so each has evidence of its own.
 */
export class EvidenceByRange {
  /** One for each followed range, in their order. */
  readonly parts: readonly StoreEvidence[]
  readonly #followed: readonly WireRange[]
  /** For each listed range: its part, and its index there. */
  readonly #places: readonly { readonly part: number; readonly index: number }[]

  /** Every listed range lies in one of the followed ones. */
  constructor(listed: readonly WireRange[], followed: readonly WireRange[]) {
    const parts = followed.map((): WireRange[] => [])
    this.#followed = followed
    this.#places = listed.map((range) => {
      const part = this.#partOf(range.key)
      return { part, index: (parts[part]?.push(range) ?? 1) - 1 }
    })
    this.parts = parts.map((ranges) => new StoreEvidence({ ranges }))
  }

  /** Adds a page of a list; see `StoreEvidence.listed`. */
  listed(page: EvidencePage, range: number): void {
    const { part = 0, index = 0 } = this.#places[range] ?? {}
    this.parts[part]?.listed(page, index)
  }

  /**
   * The reads that verify all parts at a revision up to which everything is known. A part whose watch is ahead of the
   * others is verified at its latest change.
   */
  question(revision: number): ContinuityQuestion | undefined {
    const questions = this.parts.flatMap((part) => part.question(Math.max(revision, part.changedAt)) ?? [])
    return questions.length === 0 ? undefined : questions
  }

  /** See `StoreEvidence.contradicts`. */
  contradicts(kv: KeyValue, revision: number): boolean {
    return this.parts[this.#partOf(kv.key)]?.contradicts(kv, revision) === true
  }

  #partOf(key: WireRange['key']): number {
    // Without a watch of another range there is nothing to find.
    if (this.#followed.length === 1) return 0
    return this.#followed.findIndex((range) => isInRange(range, bytesOf(key)))
  }
}
