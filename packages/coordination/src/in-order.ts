/** Runs steps one after the other, so that the last one that was called is the last one to take effect. */
export class InOrder {
  #last: Promise<unknown> = Promise.resolve()

  /** Runs a step once those before have settled, whatever became of them. */
  run<R>(step: () => Promise<R>): Promise<R> {
    const running = this.#last.then(step)
    this.#last = running.catch(() => undefined)
    return running
  }
}
