import { askIsEqual, callAtOnce, callIsolated, type ReportFailure } from '../callback.ts'
import type { ChangeEvent, ChangeFeed } from './change-event.ts'
import { notSettled, type PendingCalls, withNameOf } from './pending-calls.ts'
import { isEqual } from '../pipeline/is-equal.ts'
import type { Snapshot } from '../updates/snapshot.ts'
import { TurnBudget } from '../turn-budget.ts'

/** What a subscriber needs to receive changes. */
export interface Delivery<T> {
  readonly feed: ChangeFeed<T>
  readonly report: ReportFailure
  readonly pending: PendingCalls
  snapshot(): Snapshot<T>
  /** A listener causes its own next call without end. Must not throw. */
  loops?(): void
}

/**
 * Calls one listener, one call at a time. Keeps no queue, only the snapshot delivered last: a slow listener receives the
 * difference to the newest state when it is free, and costs no memory until then.
 */
export abstract class Subscriber<T> {
  protected readonly delivery: Delivery<T>
  protected delivered: Snapshot<T>
  readonly #again: TurnBudget
  #isBusy = false
  #isClosed = false

  constructor(delivery: Delivery<T>) {
    this.delivery = delivery
    this.#again = new TurnBudget(() => delivery.loops?.())
    this.delivered = delivery.snapshot()
  }

  /** Delivers the newest state if it has changed. Never throws. */
  notify(): void {
    if (this.#isBusy) return
    this.#isBusy = true
    while (!this.#isClosed && this.delivered.version !== this.delivery.snapshot().version) {
      const pending = this.deliver(this.delivery.snapshot())
      if (pending === undefined) continue
      void pending.then(() => this.#resume())
      return
    }
    this.#isBusy = false
  }

  /** Delivers what has changed during a call that has settled. */
  #resume(): void {
    const run = () => {
      this.#isBusy = false
      this.notify()
    }
    const hasChanged = this.delivered.version !== this.delivery.snapshot().version
    if (hasChanged && !this.#isClosed && !this.#again.spend()) this.#again.afterTurn(run)
    else run()
  }

  /** Starts no further call; does not wait for a running one. */
  close(): void {
    this.#isClosed = true
  }

  /** Calls the listener if `now` differs for it. Must set `delivered` to `now` before the call. */
  protected abstract deliver(now: Snapshot<T>): Promise<void> | undefined

  /**
   * Calls a user's listener. One that does not settle is reported, because it receives no change until it does.
   *
   * @param what names the listener if it fails
   */
  protected call(what: string, listener: unknown, run: () => unknown): Promise<void> | undefined {
    const { report, pending } = this.delivery
    const settled = callIsolated(what, run, report)
    if (settled !== undefined) {
      const name = withNameOf(what, listener)
      pending.follow(name, settled, () =>
        report(notSettled(name, 'It is not called again until it settles.')),
      )
    }
    return settled
  }

  /** Delays changes until a first call has settled. */
  protected runFirst(pending: Promise<void> | undefined): void {
    if (pending === undefined) return
    this.#isBusy = true
    void pending.then(() => this.#resume())
  }
}

/** The subscriber behind `on('change')`. */
export class ChangeSubscriber<T> extends Subscriber<T> {
  readonly #listener: (event: ChangeEvent<T>) => unknown
  readonly #what: string

  /** @param what start of the message of a failure; default `A listener of 'change'` */
  constructor(
    delivery: Delivery<T>,
    listener: (event: ChangeEvent<T>) => unknown,
    what = "A listener of 'change'",
  ) {
    super(delivery)
    this.#listener = listener
    this.#what = what
  }

  protected override deliver(now: Snapshot<T>): Promise<void> | undefined {
    const event = this.delivery.feed.between(this.delivered, now)
    this.delivered = now
    if (event === undefined) return undefined
    return this.call(this.#what, this.#listener, () => this.#listener(event))
  }
}

/** Arguments of `LiveConfig.watch` with defaults applied. */
export interface WatchSettings<T, S> {
  readonly selector: (value: T) => S
  readonly handler: (next: S, previous: S | undefined, change: ChangeEvent<T> | undefined) => unknown
  /** Default: the same part, or the same content where states between the two were not delivered. */
  readonly isEqual: ((one: S, other: S) => boolean) | undefined
}

const HANDLER = 'A watch handler'
const SELECTOR = 'A watch selector'

/** The subscriber behind `watch`: selects from every delivered state and calls the handler when the selection changes. */
export class WatchSubscriber<T, S> extends Subscriber<T> {
  readonly #settings: WatchSettings<T, S>
  #selected: S
  /** The state that it was selected from, or a later one with the same selection; not one in which the selector failed. */
  #selectedFrom: Snapshot<T>

  /** @throws whatever the selector throws for the current state; later failures are reported */
  constructor(delivery: Delivery<T>, settings: WatchSettings<T, S>) {
    super(delivery)
    this.#settings = settings
    this.#selected = callAtOnce(SELECTOR, () => settings.selector(this.delivered.value))
    this.#selectedFrom = this.delivered
  }

  /** Calls the handler with the current value; later calls wait until it has settled. */
  callImmediately(): void {
    const { handler } = this.#settings
    this.runFirst(this.call(HANDLER, handler, () => handler(this.#selected, undefined, undefined)))
  }

  protected override deliver(now: Snapshot<T>): Promise<void> | undefined {
    const { selector, handler, isEqual } = this.#settings
    const from = this.#selectedFrom
    const previous = this.#selected
    this.delivered = now
    let next: S
    try {
      next = callAtOnce(SELECTOR, () => selector(now.value))
    } catch (cause) {
      return callIsolated(SELECTOR, () => raise(cause), this.delivery.report)
    }
    this.#selectedFrom = now
    if (isEqual && askIsEqual('isEqual of a watch', isEqual, [previous, next], this.delivery.report))
      return undefined
    this.#selected = next
    if (!isEqual && isSamePart([from, previous], [now, next])) return undefined
    const event = this.delivery.feed.between(from, now)
    if (event === undefined) return undefined
    return this.call(HANDLER, handler, () => handler(next, previous, event))
  }
}

/** Whether two selected parts are one. Parts keep their identity from one state to the next only. */
function isSamePart<T>([from, one]: [Snapshot<T>, unknown], [to, other]: [Snapshot<T>, unknown]): boolean {
  return Object.is(one, other) || (to.version - from.version > 1 && isEqual(one, other))
}

function raise(cause: unknown): never {
  throw cause
}
