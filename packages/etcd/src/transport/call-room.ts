import type { Clock } from '../clock.ts'
import type { EtcdError } from '../errors.ts'
import { RoomRest } from './room-rest.ts'
import { SendBudget } from './send-budget.ts'
import { StreamQueue, type WaitingCall } from './stream-queue.ts'

/** The room for calls at one connection: streams of the peer, and bytes on their way. Calls beyond it wait for their turn. */
export class CallRoom {
  readonly #budget: SendBudget
  readonly #streams: StreamQueue
  readonly #rest: RoomRest

  constructor(clock: Clock) {
    this.#budget = new SendBudget(clock)
    this.#streams = new StreamQueue(clock)
    this.#rest = new RoomRest(clock)
  }

  /** The peer's limit of concurrent calls. */
  set limit(limit: number) {
    this.#streams.limit = limit
  }

  /** See `SendBudget`. */
  get isWornOut(): boolean {
    return this.#budget.isWornOut
  }

  /** Number of calls that were given up a moment ago, and whose room is still empty. */
  get resting(): number {
    return this.#rest.size
  }

  /**
   * What the owner's call waits for: calls that run, bytes on their way, or room that calls have left that were given up a moment
   * ago. Undefined if it does not wait.
   */
  obstacleOf(owner: object): 'calls' | 'bytes' | 'given up' | undefined {
    if (this.#streams.isWaiting(owner))
      return this.resting > 0 && this.#streams.hasRoomWithout(this.resting) ? 'given up' : 'calls'
    const isBehindResting = this.#budget.isBehindResting(owner)
    if (isBehindResting === undefined) return undefined
    return isBehindResting ? 'given up' : 'bytes'
  }

  /** Sends the owner's call, of this size in bytes, now or once there is room. */
  request(owner: object, bytes: number, call: WaitingCall): void {
    this.#budget.request(owner, bytes, () => this.#streams.request(owner, call))
  }

  /** The owner's call is given up. Returns true if it was withdrawn before it had a stream. */
  withdraw(owner: object): boolean {
    return this.#budget.settle(owner) || this.#streams.settle(owner)
  }

  /** The owner's call was sent and is given up after `waitedMs` milliseconds: its room stays empty for a while. */
  rest(owner: object, waitedMs: number): void {
    this.#budget.rest(owner)
    this.#rest.begin(owner, waitedMs)
  }

  /** The owner's call has ended. */
  settle(owner: object): void {
    this.#rest.end(owner, () => {
      this.#budget.settle(owner)
      this.#streams.settle(owner)
    })
  }

  /** The owner's request has got a stream. */
  opened(owner: object): void {
    this.#budget.opened(owner)
  }

  /** The owner's stream is closed. */
  closed(owner: object, isAllSent: boolean): void {
    this.#budget.closed(owner, isAllSent)
  }

  /** The connection is lost: all waiting calls fail. */
  fail(error: EtcdError): void {
    // Nothing that waits for the budget is sent any more.
    this.#streams.limit = 0
    this.#budget.flush()
    this.#streams.fail(error)
  }

  /** The connection has ended. */
  stop(): void {
    this.#rest.stop()
  }
}
