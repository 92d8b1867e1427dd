import { Dispatcher } from 'undici'
import { DiscoveryError } from '../errors.ts'
import { type Dispatch, takingOlderHandlers } from './older-handlers.ts'
import { OtherHosts } from './other-hosts.ts'
import { refuse, type Routes } from './routes.ts'
import { RunningRequests } from './running-requests.ts'

/** What a `DiscoveryDispatcher` is made of. */
export interface DiscoveryDispatcherOptions {
  readonly routes: Routes
  /** For all other hosts. Default: an `Agent` of its own. */
  readonly fallback: Dispatcher | undefined
  /** Called once when the dispatcher is closed. */
  readonly onClose: () => void
}

/**
 * An undici dispatcher for `http://<name>.service`; other hosts go to the fallback. It also takes the handlers of older
 * undici versions, so that Node's own `fetch` works with it.
 */
export class DiscoveryDispatcher extends Dispatcher {
  readonly #routes: Routes
  readonly #fallback: Dispatcher
  readonly #ownFallback: OtherHosts | undefined
  readonly #onClose: () => void
  readonly #dispatch: Dispatch
  readonly #running = new RunningRequests()
  #closing: Promise<void> | undefined

  constructor({ routes, fallback, onClose }: DiscoveryDispatcherOptions) {
    super()
    this.#routes = routes
    const own = fallback === undefined ? new OtherHosts() : undefined
    this.#ownFallback = own
    this.#fallback = fallback ?? (own as OtherHosts).agent
    this.#onClose = onClose
    this.#dispatch = takingOlderHandlers((options, handler) => this.#send(options, handler))
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    return this.#dispatch(options, handler)
  }

  /** Takes no new requests; done when the running ones have ended. Idempotent. */
  override close(callback: () => void): void
  override close(): Promise<void>
  override close(callback?: () => void): Promise<void> | void {
    this.#closing ??= this.#close()
    return callback === undefined ? this.#closing : void this.#closing.then(callback)
  }

  /** As `close`, and fails the running requests. */
  override destroy(error: Error | null, callback: () => void): void
  override destroy(callback: () => void): void
  override destroy(error?: Error | null): Promise<void>
  override destroy(first?: Error | (() => void) | null, second?: () => void): Promise<void> | void {
    const callback = typeof first === 'function' ? first : second
    const given = first instanceof Error ? first : undefined
    const error = given ?? new DiscoveryError('closed', 'the dispatcher was destroyed')
    const closed = this.close()
    this.#running.abortAll(error)
    this.#ownFallback?.cutOff(error)
    return callback === undefined ? closed : void closed.then(callback)
  }

  /** Cuts off what still runs at other hosts. Those of services have the time limits of their pools. */
  cutOffOtherHosts(): void {
    this.#ownFallback?.cutOff(new DiscoveryError('closed', 'the discovery was closed'))
  }

  async #close(): Promise<void> {
    await this.#running.ended()
    await this.#ownFallback?.close()
    this.#onClose()
  }

  #send(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (this.#closing !== undefined) {
      refuse(handler, new DiscoveryError('closed', 'the dispatcher is closed'))
      return true
    }
    return this.#routes.take(options, handler, this.#running) || this.#fallback.dispatch(options, handler)
  }
}
