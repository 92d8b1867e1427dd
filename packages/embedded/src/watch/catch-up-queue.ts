/** Keys of the log that all streams together compare with watchers' ranges in one turn of the event loop: a few ms. */
const LOOKS_PER_TURN = 20_000

/** What is left of a turn; jobs take off what they use. */
export interface TurnBudget {
  looks: number
}

/** Work that is done a part at a time. A job that is not through adds itself again. */
export type CatchUpJob = (budget: TurnBudget) => void

/** The streams with watchers that are behind. They share each turn, so that however many there are, nobody waits long. */
export class CatchUpQueue {
  readonly #jobs = new Set<CatchUpJob>()
  #turn: NodeJS.Immediate | undefined

  /** Runs the job in a turn to come; once, however often it is added before. */
  add(job: CatchUpJob): void {
    this.#jobs.add(job)
    this.#turn ??= setImmediate(() => this.#run())
  }

  delete(job: CatchUpJob): void {
    this.#jobs.delete(job)
    if (this.#jobs.size > 0) return
    clearImmediate(this.#turn)
    this.#turn = undefined
  }

  #run(): void {
    this.#turn = undefined
    const budget = { looks: LOOKS_PER_TURN }
    // A job that adds itself again comes again in the same turn while the budget lasts.
    for (const job of this.#jobs) {
      if (budget.looks <= 0) break
      this.#jobs.delete(job)
      budget.looks -= 1
      job(budget)
    }
    if (this.#jobs.size > 0) this.#turn ??= setImmediate(() => this.#run())
  }
}
