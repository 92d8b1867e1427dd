import type { ChangeEvent, ChangeFeed } from './change-event.ts'
import { onAbort } from '../on-abort.ts'
import { TurnBudget } from '../turn-budget.ts'
import { Snapshot } from '../updates/snapshot.ts'

/** Keeps the last two accepted states and the callers that wait for the next one. */
export class ChangeLog<T> {
  readonly #feed: ChangeFeed<T>
  readonly #waiters = new Set<() => void>()
  #previous: Snapshot<T> | undefined = undefined
  #latest: Snapshot<T> | undefined = undefined

  readonly #loops: () => void
  readonly #wakes: TurnBudget

  /** @param loops called when a waiting caller causes the change that it waits for without end. Must not throw. */
  constructor(feed: ChangeFeed<T>, loops: () => void = () => {}) {
    this.#feed = feed
    this.#loops = loops
    this.#wakes = new TurnBudget(loops)
  }

  /** Records the new state and returns the previous one. Does not resume waiting callers: `wake` does. */
  accept(snapshot: Snapshot<T>): Snapshot<T> | undefined {
    this.#previous = this.#latest
    this.#latest = snapshot
    return this.#previous
  }

  /** Resumes the callers that wait for a change. */
  wake(): void {
    const resume = () => {
      for (const resolve of [...this.#waiters]) resolve()
    }
    if (this.#waiters.size === 0 || this.#wakes.spend()) resume()
    else this.#wakes.afterTurn(resume)
  }

  /** Resolves with the newest change after a revision or snapshot, immediately if it has happened. Rejects when `cut` aborts. */
  async past(after: number | Snapshot<T>, cut: AbortSignal): Promise<ChangeEvent<T>> {
    for (;;) {
      const event = this.#eventPast(after)
      if (event !== undefined) return event
      await this.#next(cut)
      cut.throwIfAborted()
    }
  }

  /**
   * Iterates over the changes since a snapshot, merged into one while the consumer is busy. Ends after the last change when
   * `end` aborts, and immediately when the consumer calls `return`, even during a pending `next`.
   */
  since(from: Snapshot<T>, end: AbortSignal): AsyncIterableIterator<ChangeEvent<T>, undefined> {
    let delivered = from
    const givenUp = new AbortController()
    const pulls = new TurnBudget(this.#loops)
    const pull = async (): Promise<IteratorResult<ChangeEvent<T>, undefined>> => {
      while (!givenUp.signal.aborted) {
        const now = this.#latest ?? delivered
        const event = now.version === delivered.version ? undefined : this.#feed.between(delivered, now)
        delivered = now
        if (event !== undefined) {
          if (!pulls.spend()) await new Promise<void>((resolve) => pulls.afterTurn(resolve))
          return { done: false, value: event }
        }
        if (end.aborted) break
        await this.#next(end, givenUp.signal)
      }
      return { done: true, value: undefined }
    }
    let turn: Promise<unknown> = Promise.resolve()
    const giveUp = async () => {
      givenUp.abort()
      return { done: true, value: undefined } as const
    }
    return {
      // Pulls one at a time, even if the consumer calls `next` several times without waiting.
      next: () => {
        const result = turn.then(pull)
        turn = result
        return result
      },
      return: giveUp,
      throw: async (error: unknown) => {
        givenUp.abort()
        throw error
      },
      [Symbol.asyncIterator]() {
        return this
      },
    }
  }

  #eventPast(after: number | Snapshot<T>): ChangeEvent<T> | undefined {
    const now = this.#latest
    if (now === undefined) return undefined
    if (after instanceof Snapshot) {
      return after.version === now.version ? undefined : this.#feed.between(after, now)
    }
    if (this.#previous === undefined || now.revision <= after) return undefined
    return this.#feed.between(this.#previous, now)
  }

  #next(...cuts: readonly AbortSignal[]): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#waiters.delete(done)
        for (const remove of removals) remove()
        resolve()
      }
      this.#waiters.add(done)
      const removals = cuts.map((cut) => onAbort(cut, done))
    })
  }
}
