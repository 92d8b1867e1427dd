import { EtcdError } from '../errors.ts'
import type { CallContext } from './call-context.ts'
import type { Endpoint } from './endpoint.ts'
import { fetchToken } from './fetch-token.ts'
import type { Reach } from './reach.ts'
import { reachOnce } from './reach-once.ts'

/** Where a stream may be opened, and for how long. */
export interface StreamPlace {
  readonly endpoint?: string
  readonly avoid?: string
  readonly timeoutMs?: number
}

/** What the opening of a stream calls. */
export interface OpeningPorts {
  /** The stream waits for a connection to this endpoint. */
  onTrying(endpoint: Endpoint): void
  /** This endpoint is connected: the stream can begin. Called at most once. */
  onReady(endpoint: Endpoint): void
  /** The stream cannot be opened; nothing was sent. */
  onFailed(error: EtcdError): void
}

/** The way of one duplex call to a connected endpoint, with a token if one is needed. */
export class StreamOpening {
  readonly #context: CallContext
  readonly #call: string
  readonly #place: StreamPlace
  readonly #ports: OpeningPorts
  #reach: Reach | undefined
  #tokenTimer: unknown
  #isStopped = false

  constructor(context: CallContext, call: string, place: StreamPlace, ports: OpeningPorts) {
    this.#context = context
    this.#call = call
    this.#place = place
    this.#ports = ports
  }

  start(): void {
    if (this.#isStopped) return
    const { preparation, tokens } = this.#context
    const condition = preparation ?? (tokens.isMissing ? this.#fetchToken() : undefined)
    if (condition !== undefined) {
      this.#after(condition)
      return
    }
    const endpoint = this.#pick(new Set())
    if (endpoint === undefined) {
      const what = 'there is no endpoint'
      this.#ports.onFailed(new EtcdError('connect_failed', { call: this.#call, what, fate: 'not_sent' }))
    } else if (endpoint.isReady) this.#ports.onReady(endpoint)
    else this.#connect(endpoint)
  }

  /** The stream has ended; nothing is called any more. */
  stop(): void {
    this.#isStopped = true
    this.#reach?.stop()
    this.#context.clock.clearTimeout(this.#tokenTimer)
  }

  /**
   * Fetches the token. A stream without a time limit does not retry that; its owner decides when to open the
   * next one.
   */
  #fetchToken(): Promise<void> {
    return fetchToken(this.#context, undefined, {
      isPatient: () => !this.#isStopped && this.#place.timeoutMs !== undefined,
      onTimer: (timer) => {
        this.#tokenTimer = timer
      },
    })
  }

  #pick(passed: ReadonlySet<Endpoint>): Endpoint | undefined {
    const { balancer } = this.#context
    const { endpoint, avoid } = this.#place
    if (endpoint === undefined) return balancer.pick({ tried: passed, avoid })
    const named = balancer.named(endpoint)
    return passed.has(named) ? undefined : named
  }

  /** Connects when no endpoint is connected; uses the first that connects and fails if none does. */
  #connect(endpoint: Endpoint): void {
    this.#ports.onTrying(endpoint)
    this.#reach = reachOnce(endpoint, this.#call, {
      clock: this.#context.clock,
      pick: (passed) => this.#pick(passed),
      onReady: (ready) => {
        this.#reach = undefined
        this.#ports.onReady(ready)
      },
      onFailed: (failed) => this.#ports.onTrying(failed),
      onNobody: (error) => this.#ports.onFailed(error),
    })
  }

  #after(condition: Promise<void>): void {
    condition.then(
      () => this.start(),
      (error: EtcdError) => {
        if (!this.#isStopped) this.#ports.onFailed(error.with({ call: this.#call, fate: 'not_sent' }))
      },
    )
  }
}
