import type { CallerWait } from './caller-wait.ts'

/** Lets calls of this process run one at a time, in the order in which they came. One that gives up leaves nothing behind. */
export class Turns {
  /** Those who wait, in their order. */
  readonly #waiting = new Set<() => void>()
  #isTaken = false

  /** Waits for its turn, runs, and wakes the next one. Rejects when the wait ends before. */
  async run<R>(wait: CallerWait, run: () => Promise<R>): Promise<R> {
    if (this.#isTaken) await this.#next(wait)
    this.#isTaken = true
    try {
      return await run()
    } finally {
      this.#handOn()
    }
  }

  async #next(wait: CallerWait): Promise<void> {
    const turn = Promise.withResolvers<void>()
    this.#waiting.add(turn.resolve)
    try {
      await wait.race(turn.promise)
    } catch (error) {
      // Either it still waits, or the turn was given to it just now and goes to the one behind it.
      if (!this.#waiting.delete(turn.resolve)) this.#handOn()
      throw error
    }
  }

  #handOn(): void {
    const [next] = this.#waiting
    this.#isTaken = next !== undefined
    if (next === undefined) return
    this.#waiting.delete(next)
    next()
  }
}
