import { type Clock, type Moment, momentOf } from '../clock.ts'

/**
 * The unanswered progress requests of one stream, and how reliable its answers are. Answers do not say which
 * request they belong to, and a request may never be answered: the n-th answer belongs to the n-th request or
 * a later one.
 */
export class ProgressQuestions {
  readonly #clock: Clock
  readonly #graceMs: number
  /** When the unanswered requests were sent. */
  readonly #asked: Moment[] = []
  #order: 'unknown' | 'kept' | 'not kept' = 'unknown'

  constructor(clock: Clock, graceMs: number) {
    this.#clock = clock
    this.#graceMs = graceMs
  }

  /** Number of answers that may still arrive. */
  get open(): number {
    return this.#asked.length
  }

  /** False if answers can overtake changes: etcd before 3.4.25 and 3.5.8. */
  get isOrderKept(): boolean {
    return this.#order !== 'not kept'
  }

  asked(): void {
    this.#asked.push(momentOf(this.#clock))
  }

  /**
   * A create was answered. If no answer to the first request, sent before the create, preceded it, order is
   * kept.
   */
  created(): void {
    if (this.#order === 'unknown') this.#order = 'kept'
  }

  /**
   * A request was answered. Returns when it was sent: the oldest possible time, so that data is never
   * considered fresher than it is, except for requests older than the time within which a live server
   * answers.
   */
  answered(): Moment {
    if (this.#order === 'unknown') this.#order = 'not kept'
    const now = momentOf(this.#clock)
    const isRecent = ({ wallMs }: Moment) => now.wallMs - wallMs <= this.#graceMs
    const at = this.#asked.find(isRecent) ?? this.#asked.at(-1) ?? now
    this.#asked.shift()
    return at
  }
}
