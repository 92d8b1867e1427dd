import type { KeyRange } from '../key-range-form.ts'
import { JoinedRange } from './joined-range.ts'
import type { WatchBatch } from './watch-handlers.ts'

/** All ranges of a join: which changes wait in them, and for which range. */
export class JoinedRanges {
  readonly all: readonly JoinedRange[]
  /** The range that was found last not to be known. */
  #blockedBy = 0

  /** `after`: everything up to this revision is known. */
  constructor(ranges: readonly KeyRange[], after: number) {
    this.all = ranges.map((range) => new JoinedRange(range, after))
  }

  /** All changes up to this revision have arrived in all of them. */
  get reached(): number {
    return Math.min(...this.all.map(({ reached }) => reached))
  }

  /** The latest revision with a change that waits; 0 if none does. */
  get newest(): number {
    return Math.max(0, ...this.all.map(({ tail }) => tail?.revision ?? 0))
  }

  /** The first revisions with changes that wait, and `wanted`. */
  waiting(most: number, wanted: readonly number[]): readonly number[] {
    const revisions = new Set([...wanted, ...this.all.flatMap((range) => range.revisions(most))])
    return [...revisions].sort((a, b) => a - b).slice(0, most)
  }

  /** Whether a range is not known at a revision. Those before the last one that was found mostly are. */
  isBlockedAt(revision: number): boolean {
    const { length } = this.all
    for (let step = 0; step < length; step += 1) {
      const index = (this.#blockedBy + step) % length
      if (this.all[index]?.isKnownAt(revision) !== false) continue
      this.#blockedBy = index
      return true
    }
    return false
  }

  /** Takes all changes of a revision, at which all ranges are known. */
  take(revision: number): readonly WatchBatch[] {
    const parts = this.all.flatMap((range) => range.take(revision) ?? [])
    for (const range of this.all) range.passedOn(revision)
    return parts
  }
}
