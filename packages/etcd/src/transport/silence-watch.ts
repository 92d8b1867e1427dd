import type { Clock } from '../clock.ts'

/** The connection that is watched. */
export interface Watched {
  /** Number of times data was received from the peer. */
  readonly activityCount: number
  readonly openCalls: number
  readonly isProven: boolean
}

/**
 * Detects a dead peer: pings are answered even if calls are silent, so two intervals without any data mean
 * that it is dead.
 */
export class SilenceWatch {
  readonly #clock: Clock
  readonly #pingIntervalMs: number
  readonly #onSilence: () => void
  #timer: unknown

  constructor(clock: Clock, pingIntervalMs: number, onSilence: () => void) {
    this.#clock = clock
    this.#pingIntervalMs = pingIntervalMs
    this.#onSilence = onSilence
  }

  /** Watches as long as calls are open. */
  start(peer: Watched): void {
    if (this.#timer !== undefined || this.#pingIntervalMs === 0) return
    let silentRounds = 0
    let before = peer.activityCount
    const check = (): void => {
      silentRounds = peer.activityCount === before ? silentRounds + 1 : 0
      before = peer.activityCount
      if (peer.openCalls === 0) this.#timer = undefined
      else if (silentRounds > 2 && peer.isProven) this.#onSilence()
      else this.#timer = this.#clock.setTimeout(check, this.#pingIntervalMs)
    }
    this.#timer = this.#clock.setTimeout(check, this.#pingIntervalMs)
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
