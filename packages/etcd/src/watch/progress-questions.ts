import type { Clock } from '../clock.ts'

/**
 * The progress requests of one stream that have not been answered, and what its answers are worth. Answers carry no mark
 * of what they answer, and a request may never be answered: all that is known is that the n-th answer is not to an
 * earlier request than the n-th.
 */
export class ProgressQuestions {
  readonly #clock: Clock
  readonly #graceMs: number
  /** When the ones without an answer were sent. */
  readonly #asked: number[] = []
  #order: 'unknown' | 'kept' | 'not kept' = 'unknown'

  constructor(clock: Clock, graceMs: number) {
    this.#clock = clock
    this.#graceMs = graceMs
  }

  /** How many answers may still come to what was asked so far. */
  get open(): number {
    return this.#asked.length
  }

  /** False where answers do not wait for the changes before them: etcd before 3.4.25 and 3.5.8. */
  get isOrderKept(): boolean {
    return this.#order !== 'not kept'
  }

  asked(): void {
    this.#asked.push(this.#clock.now())
  }

  /** A create was answered. Where that comes before any answer to the first question, which was sent before it, order is kept. */
  created(): void {
    if (this.#order === 'unknown') this.#order = 'kept'
  }

  /**
   * One was answered. Gives when it was asked: the oldest that can be meant, so that no freshness is claimed that is not
   * there, but for those that are older than the time in which a living server answers.
   */
  answered(): number {
    if (this.#order === 'unknown') this.#order = 'not kept'
    const now = this.#clock.now()
    const at = this.#asked.find((each) => now - each <= this.#graceMs) ?? this.#asked.at(-1) ?? now
    this.#asked.shift()
    return at
  }
}
