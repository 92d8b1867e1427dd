import type { Clock } from '../clock.ts'
import { outside } from '../outside.ts'
import { BACKLOG_BYTES_PER_MS } from './patience.ts'

/** The connection that is watched. */
export interface Watched {
  /** When the newest data was sent that the peer has certainly received, in monotonic time. */
  readonly provenAt: number
  /** Number of times data was received from the peer. */
  readonly activityCount: number
  /** Number of bytes received from the peer. */
  readonly bytesRead: number
  readonly openCalls: number
  readonly isProven: boolean
}

/** After more intervals than this without an answer, and without any data, the peer is dead. */
const SILENT_ROUNDS = 2

/** The same while data trickles. */
const UNANSWERED_ROUNDS = 5

/**
 * Detects a dead peer: pings are answered even if calls are silent. Data alone is no sign of life, because one
 * direction of a connection may be lost while the other still works.
 */
export class SilenceWatch {
  readonly #clock: Clock
  readonly #pings: { readonly intervalMs: number }
  readonly #onSilence: () => void
  #timer: unknown

  constructor(clock: Clock, pings: { readonly intervalMs: number }, onSilence: () => void) {
    this.#clock = clock
    this.#pings = pings
    this.#onSilence = onSilence
  }

  /** Watches as long as calls are open. */
  start(peer: Watched): void {
    if (this.#timer !== undefined || this.#pings.intervalMs === 0) return
    let silentRounds = 0
    let unansweredRounds = 0
    let { activityCount, provenAt, bytesRead } = peer
    const check = (): void => {
      silentRounds = peer.activityCount === activityCount ? silentRounds + 1 : 0
      if (peer.provenAt !== provenAt) unansweredRounds = 0
      else if (peer.bytesRead - bytesRead < BACKLOG_BYTES_PER_MS * this.#pings.intervalMs)
        unansweredRounds += 1
      ;({ activityCount, provenAt, bytesRead } = peer)
      const isDead = silentRounds > SILENT_ROUNDS || unansweredRounds > UNANSWERED_ROUNDS
      if (peer.openCalls === 0) this.#timer = undefined
      else if (isDead && peer.isProven) this.#onSilence()
      else this.#timer = this.#clock.setTimeout(check, this.#pings.intervalMs)
    }
    this.#timer = outside(() => this.#clock.setTimeout(check, this.#pings.intervalMs))
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
