import { EventType } from '../wire/watch.ts'
import type { KeyEvent } from './revision-assembler.ts'

/**
 * Changes of a range that arrive after reads have shown that the range is unchanged up to a later revision. They can
 * only be keys that came and went: whatever else arrives shows that the watch and the reads are of two stores.
 */
export class LateChanges {
  #upTo = 0
  #last = 0
  /** Keys that only late changes have put. */
  readonly #keys = new Set<string>()

  /** Up to this revision the range is known to be unchanged; 0 if nothing is known. */
  get upTo(): number {
    return this.#upTo
  }

  /** The revision of the last late change; 0 if there was none. */
  get last(): number {
    return this.#last
  }

  /** True while a key is there that a change up to `upTo` must delete. */
  get isPending(): boolean {
    return this.#keys.size > 0
  }

  expect(upTo: number): void {
    if (upTo > this.#upTo) this.#upTo = upTo
  }

  /**
   * Adds the last event of each key in one revision, which is at most `upTo`. Returns false if it writes a key that
   * the unchanged range holds, or leaves one that it does not hold.
   */
  add(revision: number, events: readonly KeyEvent[], wereThere: readonly boolean[]): boolean {
    this.#last = revision
    for (const [index, { type, kv }] of events.entries()) {
      const key = kv.key.toString('latin1')
      if (wereThere[index] !== this.#keys.has(key)) return false
      if (type === EventType.delete) this.#keys.delete(key)
      else this.#keys.add(key)
    }
    return revision < this.#upTo || !this.isPending
  }
}
