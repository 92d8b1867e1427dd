import { callIsolated } from '../call-isolated.ts'
import type { KeyValue } from '../wire/kv.ts'
import { EventType } from '../wire/watch.ts'
import type { KeyEvent } from './revision-assembler.ts'
import { WatchEvent, type WatchHandlers } from './watch-handlers.ts'
import type { WatcherHost } from './watch-host.ts'

/** Calls the handlers of one watch, with keys without the namespace. An exception in a handler is logged. */
export class WatchNotifier {
  readonly #handlers: WatchHandlers
  readonly #host: Pick<WatcherHost<never>, 'logger' | 'namespace'>

  constructor(handlers: WatchHandlers, host: Pick<WatcherHost<never>, 'logger' | 'namespace'>) {
    this.#handlers = handlers
    this.#host = host
  }

  notify<K extends keyof WatchHandlers>(name: K, ...args: Parameters<NonNullable<WatchHandlers[K]>>): void {
    const handler = this.#handlers[name] as ((...given: typeof args) => unknown) | undefined
    const { logger } = this.#host
    callIsolated(
      () => handler?.apply(this.#handlers, args),
      (error) => logger.error(`A watch handler failed: ${name}`, { handler: name, error }),
    )
  }

  /** Converts an event for the caller. */
  eventOf(event: KeyEvent): WatchEvent {
    const type = event.type === EventType.delete ? 'delete' : 'put'
    const prevKv = event.prevKv === undefined ? undefined : this.#strip(event.prevKv)
    return new WatchEvent(type, this.#strip(event.kv), prevKv)
  }

  #strip(kv: KeyValue): KeyValue {
    const { namespace } = this.#host
    return namespace.prefix.length === 0 ? kv : { ...kv, key: namespace.strip(kv.key) }
  }
}
