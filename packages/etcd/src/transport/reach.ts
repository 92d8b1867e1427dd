import type { Clock } from '../clock.ts'
import type { EtcdError } from '../errors.ts'
import type { Endpoint } from './endpoint.ts'
import { PATIENCE_MS } from './patience.ts'

/** What a call without a connected endpoint provides. */
export interface ReachPorts {
  readonly clock: Clock
  /** Returns the next endpoint to connect to, not in `waiting` and not failed yet. */
  pick(waiting: ReadonlySet<Endpoint>): Endpoint | undefined
  /** Returns an endpoint that is not in `waiting`, even if it has failed. */
  pickAgain(waiting: ReadonlySet<Endpoint>): Endpoint | undefined
  /** Receives the first connected endpoint; no callback follows. */
  onReady(endpoint: Endpoint): void
  /** An endpoint could not be reached; the others continue. */
  onFailed(endpoint: Endpoint, error: EtcdError): void
  /** All endpoints have failed; no callback follows. */
  onNobody(): void
}

/**
 * Connects to one endpoint and, if that fails or takes long, to further ones as well, and uses the first that
 * connects. A waiting call has sent nothing, so it can use any of them, also one that failed before and is back: else
 * a host that drops all packets would hold it for the whole time limit of a connection.
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
    this.#waitAWhile()
  }

  /** No callback is called afterwards. */
  stop(): void {
    this.#isOver = true
    this.#ports.clock.clearTimeout(this.#timer)
  }

  #waitAWhile(): void {
    const { clock } = this.#ports
    clock.clearTimeout(this.#timer)
    this.#timer = clock.setTimeout(() => {
      if (!this.#hasTriedAnother()) this.#lookAgain()
    }, PATIENCE_MS)
  }

  #hasTriedAnother(): boolean {
    const endpoint = this.#ports.pick(this.#waiting)
    if (endpoint !== undefined) this.start(endpoint)
    return endpoint !== undefined
  }

  #lookAgain(): void {
    const endpoint = this.#ports.pickAgain(this.#waiting)
    if (endpoint?.isReady) {
      this.#onReady(endpoint)
      return
    }
    endpoint?.probe()
    this.#waitAWhile()
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
    if (!this.#isOver) this.#hasTriedAnother()
    if (this.#isOver || this.#waiting.size > 0) return
    this.stop()
    this.#ports.onNobody()
  }
}
