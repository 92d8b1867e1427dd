import type { ChangeEvent, ChangeFeed } from './change-event.ts'
import { Snapshot } from '../updates/snapshot.ts'

/** The last two states as they were accepted, and those who wait for the next one. */
export class ChangeLog<T> {
  readonly #feed: ChangeFeed<T>
  readonly #waiters = new Set<() => void>()
  #previous: Snapshot<T> | undefined = undefined
  #latest: Snapshot<T> | undefined = undefined

  constructor(feed: ChangeFeed<T>) {
    this.#feed = feed
  }

  /** Takes the state that is in service now; gives the one before. Wakes nobody yet. */
  accept(snapshot: Snapshot<T>): Snapshot<T> | undefined {
    this.#previous = this.#latest
    this.#latest = snapshot
    return this.#previous
  }

  /** Lets those go on who wait for a change. */
  wake(): void {
    for (const resolve of [...this.#waiters]) resolve()
  }

  /** The newest change past a revision or a snapshot, which may have been already. Rejects when `cut` fires. */
  async past(after: number | Snapshot<T>, cut: AbortSignal): Promise<ChangeEvent<T>> {
    for (;;) {
      const event = this.#eventPast(after)
      if (event !== undefined) return event
      await this.#next(cut)
      cut.throwIfAborted()
    }
  }

  /**
   * Changes since a snapshot, coalesced while the consumer is busy. Ends when `end` fires, after the last one, and at
   * once when the consumer gives up (`return`), also while it waits.
   */
  since(from: Snapshot<T>, end: AbortSignal): AsyncIterableIterator<ChangeEvent<T>, undefined> {
    let delivered = from
    const givenUp = new AbortController()
    const pull = async (): Promise<IteratorResult<ChangeEvent<T>, undefined>> => {
      while (!givenUp.signal.aborted) {
        const now = this.#latest!
        const event = now.version === delivered.version ? undefined : this.#feed.between(delivered, now)
        delivered = now
        if (event !== undefined) return { done: false, value: event }
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
      // one at a time, also for those who ask ahead
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
    const now = this.#latest!
    if (after instanceof Snapshot) {
      return after.version === now.version ? undefined : this.#feed.between(after, now)
    }
    const isPast = this.#previous !== undefined && now.revision > after
    return isPast ? this.#feed.between(this.#previous!, now) : undefined
  }

  #next(...cuts: readonly AbortSignal[]): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#waiters.delete(done)
        for (const cut of cuts) cut.removeEventListener('abort', done)
        resolve()
      }
      this.#waiters.add(done)
      for (const cut of cuts) cut.addEventListener('abort', done)
    })
  }
}
