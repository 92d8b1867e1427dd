/** An answer of which not all has arrived. */
export interface PartialAnswer {
  readonly bytes: number
  /** How many bytes it has, by its frame; undefined until that has arrived. */
  readonly length: number | undefined
  /** When the first of them arrived, in monotonic time. */
  readonly since: number
}

/** Judges at intervals whether an answer that is arriving will be whole in time. */
export class AnswerPace {
  /** How many bytes had arrived when that was asked last. */
  #bytes = 0

  /**
   * @param leftMs time until the answer is no longer of use, in milliseconds
   * @returns false if nothing has arrived since it was asked last
   */
  isInTime(answer: PartialAnswer | undefined, now: number, leftMs: number): boolean {
    if (answer === undefined || answer.bytes === this.#bytes) return false
    const { bytes, length, since } = answer
    this.#bytes = bytes
    if (length === undefined) return true
    const msPerByte = Math.max(1, now - since) / bytes
    return (length - bytes) * msPerByte <= leftMs
  }
}
