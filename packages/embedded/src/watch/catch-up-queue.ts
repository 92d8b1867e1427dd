/**
 * Number of comparisons of a changed key with a watched range per turn of the event loop, for all streams: a
 * few ms.
 */
const LOOKS_PER_TURN = 20_000

/** The remaining budget of a turn, reduced by the jobs. */
export interface TurnBudget {
  looks: number
}

/** Work that is done in parts. A job that is not finished adds itself again. */
export type CatchUpJob = (budget: TurnBudget) => void

/** The streams with watchers that are behind. They share each turn, so that none has to wait long. */
export class CatchUpQueue {
  readonly #jobs = new Set<CatchUpJob>()
  #turn: NodeJS.Immediate | undefined

  /** Runs the job in a later turn; once, even if it is added several times before. */
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
    // A job that adds itself again runs again in the same turn while the budget lasts.
    for (const job of this.#jobs) {
      if (budget.looks <= 0) break
      this.#jobs.delete(job)
      budget.looks -= 1
      job(budget)
    }
    if (this.#jobs.size > 0) this.#turn ??= setImmediate(() => this.#run())
  }
}
