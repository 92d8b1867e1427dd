import type { Clock } from '../clock.ts'
import type { EtcdError } from '../errors.ts'
import { type Endpoint, PATIENCE_MS } from './endpoint.ts'

/** What a call that has no connected endpoint wants to know. */
export interface ReachPorts {
  readonly clock: Clock
  /** The next endpoint to connect to, of those that are not in `waiting` and have not failed yet. */
  pick(waiting: ReadonlySet<Endpoint>): Endpoint | undefined
  /** The first endpoint that is connected; nothing else follows. */
  onReady(endpoint: Endpoint): void
  /** One could not be reached; the others go on. */
  onFailed(endpoint: Endpoint, error: EtcdError): void
  /** All have failed; nothing else follows. */
  onNobody(): void
}

/**
 * Connects to one endpoint and, when that fails or takes long, to the next besides, and takes the first that is there. A
 * call that waits has sent nothing, so it may go wherever a connection comes first.
 */
export class Reach {
  readonly #ports: ReachPorts
  readonly #waiting = new Set<Endpoint>()
  #timer: unknown
  #isOver = false

  constructor(ports: ReachPorts) {
    this.#ports = ports
  }

  start(endpoint: Endpoint): void {
    if (endpoint.isReady) {
      this.#onReady(endpoint)
      return
    }
    this.#waiting.add(endpoint)
    endpoint.connect().then(
      () => this.#onReady(endpoint),
      (error: EtcdError) => this.#onFailed(endpoint, error),
    )
    const { clock } = this.#ports
    clock.clearTimeout(this.#timer)
    this.#timer = clock.setTimeout(() => this.#tryAnother(), PATIENCE_MS)
  }

  /** Nothing is called back any more. */
  stop(): void {
    this.#isOver = true
    this.#ports.clock.clearTimeout(this.#timer)
  }

  #tryAnother(): void {
    const endpoint = this.#ports.pick(this.#waiting)
    if (endpoint !== undefined) this.start(endpoint)
  }

  #onReady(endpoint: Endpoint): void {
    if (this.#isOver) return
    this.stop()
    this.#ports.onReady(endpoint)
  }

  #onFailed(endpoint: Endpoint, error: EtcdError): void {
    if (this.#isOver) return
    this.#waiting.delete(endpoint)
    this.#ports.onFailed(endpoint, error)
    if (!this.#isOver) this.#tryAnother()
    if (this.#isOver || this.#waiting.size > 0) return
    this.stop()
    this.#ports.onNobody()
  }
}
