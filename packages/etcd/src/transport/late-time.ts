/** For how long calls over one connection have waited in vain since the peer has last shown that it receives calls. */
export class LateTime {
  #provenAt = Number.NaN
  #lateMs = 0
  #until = Number.NEGATIVE_INFINITY

  /**
   * A call was given up that waited since then, in monotonic time. Returns the milliseconds in which such calls waited;
   * times without one do not count, because nobody expected an answer.
   */
  add(since: number, now: number, provenAt: number): number {
    if (provenAt !== this.#provenAt) this.#lateMs = 0
    this.#provenAt = provenAt
    this.#lateMs += Math.max(0, now - Math.max(since, this.#until))
    this.#until = now
    return this.#lateMs
  }
}
