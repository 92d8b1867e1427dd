import type { Clock } from '../clock.ts'
import { PIECE_BYTES } from './body-pieces.ts'
import { WaitingCalls } from './waiting-calls.ts'

/** Requests of this size and more, in bytes, are large. */
const LARGE_BYTES = 64 * 1024

/** Total size of the small and of the large requests in progress on one connection, in bytes. */
const SMALL_BUDGET_BYTES = 1.5 * 1024 * 1024
const LARGE_BUDGET_BYTES = 3 * 1024 * 1024

/** A connection is worn out once it has lost this many bytes. */
const MOST_LOST_BYTES = 1.5 * 1024 * 1024

interface Held {
  readonly bytes: number
  /** It has a stream of the session, which holds its bytes until it is closed. */
  hasStream: boolean
  /** Its room stays empty until the call is settled. */
  isResting: boolean
}

/** Requests that share one budget, in their order. */
class Lane {
  readonly held = new Map<object, Held>()
  readonly waiting: WaitingCalls<{ readonly bytes: number; send(): void }>
  readonly #budgetBytes: number
  #bytes = 0

  constructor(budgetBytes: number, clock: Clock) {
    this.#budgetBytes = budgetBytes
    this.waiting = new WaitingCalls(clock)
  }

  request(owner: object, bytes: number, send: () => void): void {
    if (this.waiting.size > 0 || !this.#hasRoom(bytes)) this.waiting.add(owner, { bytes, send })
    else this.#admit(owner, bytes, send)
  }

  free(owner: object): void {
    this.#bytes -= this.held.get(owner)?.bytes ?? 0
    this.held.delete(owner)
  }

  admitNext(): void {
    for (const [owner, { bytes, send }] of this.waiting) {
      if (!this.#hasRoom(bytes)) break
      this.waiting.delete(owner)
      this.#admit(owner, bytes, send)
    }
  }

  #hasRoom(bytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + bytes <= this.#budgetBytes
  }

  #admit(owner: object, bytes: number, send: () => void): void {
    this.held.set(owner, { bytes, hasStream: false, isResting: false })
    this.#bytes += bytes
    send()
  }
}

/**
 * Limits the requests in progress on one connection. Over a slow link, as many are sent at a time as have a chance to arrive
 * in time, and the others are known to be unsent. Small requests, such as renewals of leases, do not wait for large ones.
 *
 * It limits, too, what Node holds for one HTTP/2 session. Above 10 MB Node resets every call that is answered, and the outcome
 * of a write reset that way is unknown; neither Node nor undici allows to raise that limit. The piece that a stream had still
 * to send when it was reset counts for as long as the session lives, so that the session has to be left in time. Seen with
 * Node 24.21.
 */
export class SendBudget {
  readonly #small: Lane
  readonly #large: Lane
  #lostBytes = 0

  constructor(clock: Clock) {
    this.#small = new Lane(SMALL_BUDGET_BYTES, clock)
    this.#large = new Lane(LARGE_BUDGET_BYTES, clock)
  }

  /** True once so much was lost that further calls should get another connection. */
  get isWornOut(): boolean {
    return this.#lostBytes > MOST_LOST_BYTES
  }

  /**
   * Calls `send` now, or once enough earlier requests are out of the way. At least one request is admitted, however
   * large.
   */
  request(owner: object, bytes: number, send: () => void): void {
    const lane = bytes < LARGE_BYTES ? this.#small : this.#large
    lane.request(owner, bytes, send)
  }

  /** The owner's request has got a stream. */
  opened(owner: object): void {
    const held = this.#laneOf(owner)?.held.get(owner)
    if (held !== undefined) held.hasStream = true
  }

  /** The owner's stream is closed. */
  closed(owner: object, isAllSent: boolean): void {
    const lane = this.#laneOf(owner)
    const held = lane?.held.get(owner)
    if (lane === undefined || held === undefined) return
    if (!isAllSent) this.#lostBytes += Math.min(held.bytes, PIECE_BYTES)
    held.hasStream = false
    if (!held.isResting) this.#free(owner, lane)
  }

  /** The owner's call has ended. Returns true if it was withdrawn before it was sent. */
  settle(owner: object): boolean {
    if (this.#small.waiting.delete(owner) || this.#large.waiting.delete(owner)) return true
    const lane = this.#laneOf(owner)
    const held = lane?.held.get(owner)
    if (lane === undefined || held === undefined) return false
    held.isResting = false
    if (!held.hasStream) this.#free(owner, lane)
    return false
  }

  /** The owner's call is given up: its room stays empty until `settle`, also if its stream is closed before. */
  rest(owner: object): void {
    const held = this.#laneOf(owner)?.held.get(owner)
    if (held !== undefined) held.isResting = true
  }

  /** Whether the owner's request waits, and for room that was given up; undefined if it does not wait. */
  isBehindResting(owner: object): boolean | undefined {
    const lane = [this.#small, this.#large].find(({ waiting }) => waiting.has(owner))
    return lane === undefined ? undefined : [...lane.held.values()].some(({ isResting }) => isResting)
  }

  /** Sends everything that waits, to a connection where all of it fails at once. */
  flush(): void {
    for (const { waiting } of [this.#small, this.#large])
      for (const [owner, { send }] of [...waiting]) if (waiting.delete(owner)) send()
  }

  #laneOf(owner: object): Lane | undefined {
    return [this.#small, this.#large].find(({ held }) => held.has(owner))
  }

  #free(owner: object, lane: Lane): void {
    lane.free(owner)
    if (!this.isWornOut) lane.admitNext()
  }
}
