import type { Balancer } from './balancer.ts'
import type { Connection } from './connection.ts'
import { PATIENCE_MS, patienceMs } from './patience.ts'

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
    this.#openedAt = connection.peer.now
    this.#since = this.#openedAt
    connection.peer.sent(this.#openedAt)
  }

  /** A request is sent. */
  note(): void {
    const peer = this.#connection?.peer
    if (peer === undefined) return
    const { now, provenAt } = peer
    if (provenAt >= this.#since) this.#since = now
    peer.sent(now)
  }

  /** The response has started. */
  responded(): void {
    this.#connection?.peer.answered(this.#openedAt)
  }

  /** A message was received. */
  heard(): void {
    this.#isHeard = true
  }

  /** A message answered what was sent by then, in monotonic time. */
  answered(sentAt: number): void {
    this.#connection?.peer.answered(sentAt)
    this.#connection?.peer.visit(this.#path)
  }

  /** True if no message was received for so long that the connection can be at fault. */
  get isOverdue(): boolean {
    const peer = this.#connection?.peer
    if (peer === undefined || this.#isHeard) return false
    return peer.now - this.#openedAt >= patienceMs(peer)
  }

  /**
   * The stream got no answer. If nothing has shown for a while that the peer receives requests, not even the answer to a
   * ping, or the stream before got no answer either, later calls get a new connection.
   */
  suspect(balancer: Balancer): void {
    const connection = this.#connection
    if (connection === undefined) return
    const { peer } = connection
    const forMs = peer.now - this.#since
    if (peer.provenAt < this.#since && forMs >= PATIENCE_MS)
      peer.doubt(() => {
        connection.leave()
        balancer.leaveQuiet(forMs)
      })
    if (peer.desert(this.#path)) connection.retire()
  }
}
