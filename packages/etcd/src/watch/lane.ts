/** Runs tasks in the order in which they are added, at most `most` at a time. */
export class Lane {
  readonly #most: number
  #running = 0
  #waiting: (() => Promise<void>)[] = []
  /** Index of the next waiting task, so that taking one costs the same however many wait. */
  #next = 0

  constructor(most: number) {
    this.#most = most
  }

  /** `task` must not reject. */
  run(task: () => Promise<void>): void {
    if (this.#running >= this.#most) this.#waiting.push(task)
    else void this.#start(task)
  }

  async #start(first: () => Promise<void>): Promise<void> {
    this.#running += 1
    for (let task: (() => Promise<void>) | undefined = first; task !== undefined; task = this.#take())
      await task()
    this.#running -= 1
  }

  #take(): (() => Promise<void>) | undefined {
    const task = this.#waiting[this.#next]
    if (task !== undefined) this.#next += 1
    else {
      this.#waiting = []
      this.#next = 0
    }
    return task
  }
}
