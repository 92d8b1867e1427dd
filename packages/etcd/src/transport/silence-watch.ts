import type { Clock } from '../clock.ts'

/** What is watched. */
export interface Watched {
  /** Counts whatever came from the peer. */
  readonly activityCount: number
  readonly openCalls: number
  readonly isProven: boolean
}

/** Pings are answered even when calls are silent, so two intervals without a sound mean that nobody is there. */
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

  /** Watches for as long as calls are open. */
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
