import type { Clock } from '../clock.ts'
import type { Endpoint } from './endpoint.ts'
import { PATIENCE_MS } from './patience.ts'
import type { UnaryAttempt } from './unary-attempt.ts'

/** What an attempt at an endpoint without free capacity provides. */
export interface RoomPorts {
  readonly clock: Clock
  /** Returns another endpoint, the most likely one to have capacity. */
  pick(): Endpoint | undefined
  /** Receives the timer to clear when the attempt ends. */
  onTimer(timer: unknown): void
  /** The attempt got a stream. */
  onSent(): void
  /** Another endpoint has capacity. */
  onRoom(endpoint: Endpoint): void
}

/**
 * Waits until an attempt is sent. As nothing was sent yet, it may move to another endpoint with free
 * capacity.
 */
export function waitForRoom<Res>(attempt: UnaryAttempt<Res>, ports: RoomPorts): void {
  const look = (): void => {
    if (attempt.isSent) {
      ports.onSent()
      return
    }
    const other = ports.pick()
    if (other?.hasRoom) {
      ports.onRoom(other)
      return
    }
    if (other !== undefined && !other.isReady) other.probe()
    ports.onTimer(ports.clock.setTimeout(look, PATIENCE_MS))
  }
  if (attempt.isSent) ports.onSent()
  else ports.onTimer(ports.clock.setTimeout(look, PATIENCE_MS))
}
