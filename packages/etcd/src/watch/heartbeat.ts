import type { Clock } from '../clock.ts'

/** What a heartbeat needs, and what it causes. */
export interface HeartbeatPorts {
  readonly clock: Clock
  /** Between two questions on a quiet stream. */
  intervalMs(): number
  /** From a question to the conclusion that nobody is there. */
  readonly graceMs: number
  /** Someone waits for an answer: ask more often. */
  isHurried(): boolean
  /** Asks for progress; false when it is not the time for it. */
  ask(): boolean
  /** Asks something that any server answers at once, also one whose watches are not synced. */
  ping(): void
  /** Nothing came within the grace, not even after the ping. */
  onSilent(): void
  /** Many questions in a row found no answer, though the server speaks. */
  onUnanswered(): void
}

/** Hurried questions start this close together and then double. */
const HURRIED_MS = 25

/** Unanswered questions, and graces, after which the server is taken to have forgotten to answer. */
const UNANSWERED_LIMIT = 4
const UNANSWERED_GRACES = 2

/**
 * Keeps a stream honest: asks for progress at a cadence, and notices when a server that was asked something stays
 * silent. Any message counts as a sign of life, and so does any part of one. Measured by timers alone, so that a step of the clock changes nothing.
 */
export class Heartbeat {
  readonly #ports: HeartbeatPorts
  readonly #patience: number
  #askTimer: unknown
  #silenceTimer: unknown
  #isQuiet = false
  #isAskingSoon = false
  #hurriedMs = HURRIED_MS
  #unanswered = 0
  #isStopped = false

  /** `patience` multiplies how many questions may stay unanswered. */
  constructor(ports: HeartbeatPorts, patience = 1) {
    this.#ports = ports
    this.#patience = patience
  }

  get #limit(): number {
    const graces = (UNANSWERED_GRACES * this.#ports.graceMs) / this.#ports.intervalMs()
    return this.#patience * Math.max(UNANSWERED_LIMIT, Math.ceil(graces))
  }

  /** The stream was opened; its first message may take `openMs`. */
  start(openMs: number): void {
    this.expect(openMs)
    this.#schedule()
  }

  /** A message came. */
  noteActivity(): void {
    this.#isQuiet = false
  }

  /** A part of a message came; answers to questions stand behind the rest of it. */
  notePart(): void {
    this.#isQuiet = false
    this.#unanswered = 0
  }

  /** An answer to a question came. */
  answered(): void {
    this.#unanswered = 0
    this.#hurriedMs = HURRIED_MS
    // nobody waits any more: back to the cadence
    if (this.#isAskingSoon && !this.#ports.isHurried()) this.#schedule()
  }

  /** Something was sent that the server answers. */
  expect(withinMs = this.#ports.graceMs): void {
    if (this.#isStopped || this.#isQuiet) return
    this.#isQuiet = true
    this.#clear(this.#silenceTimer)
    this.#silenceTimer = this.#ports.clock.setTimeout(() => this.#onHalfSilent(withinMs / 2), withinMs / 2)
  }

  /** Someone began to wait for an answer. */
  requestProgress(): void {
    this.#hurriedMs = HURRIED_MS
    this.#schedule()
  }

  stop(): void {
    this.#isStopped = true
    this.#clear(this.#askTimer)
    this.#clear(this.#silenceTimer)
  }

  #onHalfSilent(leftMs: number): void {
    if (!this.#isQuiet) return
    this.#ports.ping()
    this.#silenceTimer = this.#ports.clock.setTimeout(() => {
      if (this.#isQuiet) this.#ports.onSilent()
    }, leftMs)
  }

  #schedule(): void {
    if (this.#isStopped) return
    this.#clear(this.#askTimer)
    const intervalMs = this.#ports.intervalMs()
    this.#isAskingSoon = this.#ports.isHurried()
    const delayMs = this.#isAskingSoon ? Math.min(this.#hurriedMs, intervalMs) : intervalMs
    this.#askTimer = this.#ports.clock.setTimeout(() => this.#onDue(delayMs), delayMs)
  }

  #onDue(delayMs: number): void {
    if (this.#ports.ask()) {
      this.#hurriedMs *= 2
      this.expect()
      if (delayMs >= this.#ports.intervalMs() && ++this.#unanswered > this.#limit) {
        this.#ports.onUnanswered()
        return
      }
    }
    this.#schedule()
  }

  #clear(timer: unknown): void {
    if (timer !== undefined) this.#ports.clock.clearTimeout(timer)
  }
}
