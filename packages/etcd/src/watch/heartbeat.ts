import type { Clock } from '../clock.ts'

/** What a heartbeat needs, and what it calls. */
export interface HeartbeatPorts {
  readonly clock: Clock
  /** Milliseconds between two progress requests on a quiet stream. */
  intervalMs(): number
  /** Milliseconds after a request until the server counts as silent. */
  graceMs(): number
  /** Multiplies how many progress requests may remain unanswered. */
  patience(): number
  /** True while a caller waits for progress, so that it is requested more often. */
  isHurried(): boolean
  /** Sends a progress request; returns false if now is not the time for one. */
  ask(): boolean
  /** Starts to measure what the other calls of the connection receive; see `measureBacklog`. */
  measureBacklog(): () => boolean
  /** True while a request is not answered yet. */
  isAwaited(): boolean
  /**
   * Sends a request that every server answers at once, even if its watches are not synced. If the answer does not
   * come, the stream ends.
   */
  ping(): void
  /** Nothing was received within the grace period, not even after the ping. */
  onSilent(): void
  /** Many progress requests in a row were not answered, although the server sends other messages. */
  onUnanswered(): void
}

/** Delay of the first hurried request, in milliseconds; doubles with each further one. */
const HURRIED_MS = 25

/** After this many unanswered progress requests (or grace periods) the stream is reopened. */
const UNANSWERED_LIMIT = 4
const UNANSWERED_GRACES = 2

/**
 * Verifies that a stream is alive: requests progress at intervals, and detects a server that does not react
 * to a request. Changes show that the server sends, and only an answer shows that it receives. Uses timers only, so
 * that changes of the time of day do not matter.
 */
export class Heartbeat {
  readonly #ports: HeartbeatPorts
  #askTimer: unknown
  #silenceTimer: unknown
  #answerTimer: unknown
  /** Nothing was received since a request. */
  #isQuiet = false
  /** Nothing was answered since a request. */
  #isWaiting = false
  #isAskingSoon = false
  #hurriedMs = HURRIED_MS
  #unanswered = 0
  /** Whether the answers may wait behind other data since the first of those requests. */
  #isBehind: () => boolean = () => false
  /** Changes came since the last answer to a progress request. */
  #isUseful = false
  #isStopped = false
  /** An urgent request is on its way, and whether another one is needed after its answer. */
  #isUrgentSent = false
  #isUrgentAgain = false

  constructor(ports: HeartbeatPorts) {
    this.#ports = ports
  }

  get #limit(): number {
    const graces = (UNANSWERED_GRACES * this.#ports.graceMs()) / this.#ports.intervalMs()
    return this.#ports.patience() * Math.max(UNANSWERED_LIMIT, Math.ceil(graces))
  }

  /** The stream was opened; its first message may take `openMs` milliseconds. */
  start(openMs: number): void {
    this.expect(openMs)
    this.#schedule()
  }

  /** A message was received. */
  noteActivity(): void {
    this.#isQuiet = false
  }

  /** A part of a message was received; answers can only follow after the rest of it. */
  notePart(): void {
    this.#isQuiet = false
    this.#isWaiting = false
    this.#unanswered = 0
  }

  /** The server answered a request of whatever kind. */
  reacted(): void {
    this.#isWaiting = false
    // Servers answer no progress request while a watch reads its history.
    if (this.#isUseful) this.#unanswered = 0
    this.#isUseful = false
  }

  /** A progress request was answered. */
  answered(): void {
    this.#isWaiting = false
    this.#unanswered = 0
    this.#isUseful = false
    this.#calm()
  }

  /** Changes were received. */
  useful(): void {
    this.#isUseful = true
    this.#calm()
  }

  #calm(): void {
    this.#hurriedMs = HURRIED_MS
    // No caller waits any more: return to the normal interval.
    if (this.#isAskingSoon && !this.#ports.isHurried()) this.#schedule()
  }

  /** A request was sent that the server must answer. */
  expect(withinMs = this.#ports.graceMs()): void {
    if (this.#isStopped) return
    this.#expectAnswer(withinMs)
    if (this.#isQuiet) return
    this.#isQuiet = true
    this.#awaitSign(withinMs)
  }

  /**
   * A caller started to wait for progress. `isUrgent`: requests it at once, or, while such a request is on its
   * way, with the answer; an answer that is lost delays the next request as if it were not urgent.
   */
  requestProgress(isUrgent = false): void {
    if (isUrgent && this.#isUrgentSent) {
      // The timer of that request goes on, however many callers come meanwhile.
      this.#isUrgentAgain = true
      return
    }
    if (isUrgent) this.#askAtOnce()
    this.#hurriedMs = HURRIED_MS
    this.#schedule(true)
  }

  /** Progress that was requested has arrived. */
  progressed(): void {
    this.#isUrgentSent = false
    if (this.#isUrgentAgain) this.#askAtOnce()
  }

  #askAtOnce(): void {
    this.#isUrgentAgain = false
    this.#isUrgentSent = !this.#isStopped && this.#ports.ask()
    if (this.#isUrgentSent) this.expect()
  }

  stop(): void {
    this.#isStopped = true
    this.#clear(this.#askTimer)
    this.#clear(this.#silenceTimer)
    this.#clear(this.#answerTimer)
  }

  /** A server that sends and does not answer is asked what every server answers, which has a time limit of its own. */
  #expectAnswer(withinMs: number): void {
    if (this.#isWaiting) return
    this.#isWaiting = true
    const onUnanswered = (): void => {
      if (this.#isWaiting) this.#ports.ping()
      this.#isWaiting = false
    }
    this.#clear(this.#answerTimer)
    this.#answerTimer = this.#ports.clock.setTimeout(onUnanswered, withinMs)
  }

  /** The stream ends if nothing is received within this time, unless what would be received waits behind other data. */
  #awaitSign(withinMs: number): void {
    const isBehind = this.#ports.measureBacklog()
    const onHalf = (): void => {
      if (!this.#isQuiet) return
      this.#ports.ping()
      this.#silenceTimer = this.#ports.clock.setTimeout(onOver, withinMs / 2)
    }
    const onOver = (): void => {
      if (!this.#isQuiet) return
      if (isBehind()) this.#awaitSign(withinMs)
      else this.#ports.onSilent()
    }
    this.#clear(this.#silenceTimer)
    this.#silenceTimer = this.#ports.clock.setTimeout(onHalf, withinMs / 2)
  }

  #schedule(isHurried = this.#ports.isHurried()): void {
    if (this.#isStopped) return
    this.#clear(this.#askTimer)
    const intervalMs = this.#ports.intervalMs()
    this.#isAskingSoon = isHurried
    const delayMs = this.#isAskingSoon ? Math.min(this.#hurriedMs, intervalMs) : intervalMs
    this.#askTimer = this.#ports.clock.setTimeout(() => this.#onDue(delayMs), delayMs)
  }

  #onDue(delayMs: number): void {
    this.#isUrgentSent = false
    this.#isUrgentAgain = false
    if (this.#ports.ask()) {
      this.#hurriedMs *= 2
      this.expect()
      if (delayMs >= this.#ports.intervalMs() && this.#isOften()) {
        this.#ports.onUnanswered()
        return
      }
    } else if (this.#ports.isAwaited()) this.expect()
    this.#schedule()
  }

  /** True once many requests in a row were not answered, although nothing else is in the way of the answers. */
  #isOften(): boolean {
    if (this.#unanswered === 0) this.#isBehind = this.#ports.measureBacklog()
    this.#unanswered += 1
    if (this.#unanswered <= this.#limit) return false
    if (!this.#isBehind()) return true
    this.#unanswered = 0
    return false
  }

  #clear(timer: unknown): void {
    if (timer !== undefined) this.#ports.clock.clearTimeout(timer)
  }
}
