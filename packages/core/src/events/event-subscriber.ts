import { callIsolated } from '../callback.ts'
import type { LivetreeError } from '../errors.ts'
import { TurnBudget } from '../turn-budget.ts'
import { notSettled, type PendingCalls, withNameOf } from './pending-calls.ts'

/** What an `EventSubscriber` needs. */
export interface EventSubscriberHost<E> {
  readonly pending: PendingCalls
  /** Receives a failure of the listener, and the events that it has not handled. */
  failed(failure: LivetreeError, events: readonly E[]): void
  /** The listener causes its own next call without end. Must not throw. */
  loops?(): void
}

/** Calls one listener of an event other than `change`. While the listener is busy, only the newest event is kept. */
export class EventSubscriber<E> {
  readonly #what: string
  readonly #listener: (event: E) => unknown
  readonly #pending: PendingCalls
  readonly #failed: (failure: LivetreeError, events: readonly E[]) => void
  readonly #again: TurnBudget
  #waiting: { readonly event: E } | undefined = undefined
  #isBusy = false
  #isStuck = false
  #isClosed = false

  constructor(
    what: string,
    listener: (event: E) => unknown,
    { pending, failed, loops }: EventSubscriberHost<E>,
  ) {
    this.#what = what
    this.#listener = listener
    this.#pending = pending
    this.#failed = failed
    this.#again = new TurnBudget(loops)
  }

  /** Whether a call has not settled for so long that the listener cannot be counted on. */
  get isStuck(): boolean {
    return this.#isStuck
  }

  offer(event: E): void {
    this.#waiting = { event }
    if (!this.#isBusy) this.#run()
  }

  close(): void {
    this.#isClosed = true
  }

  /** @param isAgain after another call, during which the event came */
  #run(isAgain = false): void {
    this.#isBusy = true
    for (let isNext = isAgain; this.#waiting !== undefined && !this.#isClosed; isNext = true) {
      if (isNext && !this.#again.spend()) {
        this.#again.afterTurn(() => this.#run())
        return
      }
      const { event } = this.#waiting
      this.#waiting = undefined
      const pending = callIsolated(
        this.#what,
        () => this.#listener(event),
        (failure) => this.#failed(failure, [event]),
      )
      if (pending === undefined) continue
      this.#follow(pending, event)
      void pending.then(() => {
        this.#isStuck = false
        this.#run(true)
      })
      return
    }
    this.#isBusy = false
  }

  #follow(call: Promise<void>, event: E): void {
    const name = withNameOf(this.#what, this.#listener)
    this.#pending.follow(name, call, () => {
      this.#isStuck = true
      const undelivered = this.#waiting === undefined ? [event] : [event, this.#waiting.event]
      this.#failed(notSettled(name, 'It receives no event until it settles.'), undelivered)
    })
  }
}
