/** For how long calls over one connection have waited in vain since anything was received over it. */
export class LateTime {
  #activityCount = -1
  #lateMs = 0
  #until = Number.NEGATIVE_INFINITY

  /**
   * A call was given up that waited since then, in monotonic time. Returns the milliseconds in which such calls waited;
   * times without one do not count, because nobody expected an answer.
   */
  add(since: number, now: number, activityCount: number): number {
    if (activityCount !== this.#activityCount) this.#lateMs = 0
    this.#activityCount = activityCount
    this.#lateMs += Math.max(0, now - Math.max(since, this.#until))
    this.#until = now
    return this.#lateMs
  }
}
