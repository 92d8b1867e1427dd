import type { Clock } from '../clock.ts'
import { type Endpoint, PATIENCE_MS } from './endpoint.ts'
import type { UnaryAttempt } from './unary-attempt.ts'

/** What becomes of an attempt that waits for room at a full endpoint. */
export interface RoomPorts {
  readonly clock: Clock
  /** Another endpoint, the likeliest to have room. */
  pick(): Endpoint | undefined
  /** The timer to clear when the attempt is over. */
  onTimer(timer: unknown): void
  /** It got a stream. */
  onSent(): void
  /** Another endpoint has room. */
  onRoom(endpoint: Endpoint): void
}

/** An attempt that is not sent at once waits for room; as nothing was sent, it may go where there is room first. */
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
