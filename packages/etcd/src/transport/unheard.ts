import type { Balancer } from './balancer.ts'
import type { Connection } from './connection.ts'
import { PATIENCE_MS } from './endpoint.ts'

/** How long a call must have waited in vain, in milliseconds, before the connection can be at fault. */
export function patienceMs({ roundTripMs }: Connection): number {
  return Math.max(PATIENCE_MS, 2 * roundTripMs)
}

/** Whether the requests of one stream at this path reach the peer, be it shown by an answer to another call. */
export class Unheard {
  readonly #path: string
  #connection: Connection | undefined
  #openedAt = 0
  /** When the oldest request was sent that the peer may not have received, in monotonic time. */
  #since = 0
  #isHeard = false

  constructor(path: string) {
    this.#path = path
  }

  /** The stream was opened on this connection, with all requests so far. */
  opened(connection: Connection): void {
    this.#connection = connection
    this.#openedAt = connection.now
    this.#since = this.#openedAt
  }

  /** A request is sent. */
  note(): void {
    const connection = this.#connection
    if (connection !== undefined && connection.provenAt >= this.#since) this.#since = connection.now
  }

  /** The response has started. */
  responded(): void {
    this.#connection?.answered(this.#openedAt)
  }

  /** A message was received. */
  heard(): void {
    this.#isHeard = true
  }

  /** A message answered what was sent by then, in monotonic time. */
  answered(sentAt: number): void {
    this.#connection?.answered(sentAt)
    this.#connection?.visit(this.#path)
  }

  /** True if no message was received for so long that the connection can be at fault. */
  get isOverdue(): boolean {
    const connection = this.#connection
    if (connection === undefined || this.#isHeard) return false
    return connection.now - this.#openedAt >= patienceMs(connection)
  }

  /**
   * The stream got no answer. If nothing has shown for a while that the peer receives requests, or the stream before
   * got no answer either, later calls get a new connection.
   */
  suspect(balancer: Balancer): void {
    const connection = this.#connection
    if (connection === undefined) return
    const forMs = connection.now - this.#since
    const isLong = connection.provenAt < this.#since && forMs >= PATIENCE_MS
    if (connection.desert(this.#path) || isLong) connection.retire()
    if (isLong) balancer.leaveQuiet(forMs)
  }
}
