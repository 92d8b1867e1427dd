import { callIsolated } from '../call-isolated.ts'
import type { KeyValue, ResponseHeader } from '../wire/kv.ts'
import { EventType } from '../wire/watch.ts'
import type { KeyEvent } from './revision-assembler.ts'
import { WatchEvent, type WatchHandlers } from './watch-handlers.ts'
import type { WatcherHost } from './watch-host.ts'
import type { WatchPlan } from './watch-options.ts'

/** All changes of one revision, as the server sent them. */
interface Changes {
  readonly revision: number
  readonly events: readonly KeyEvent[]
  readonly header: ResponseHeader
}

/** Calls the handlers of one watch, with keys without the namespace. An exception in a handler is logged. */
export class WatchNotifier {
  readonly #handlers: WatchHandlers
  readonly #host: Pick<WatcherHost<never>, 'logger' | 'namespace'>
  /** Deletes are received too, as evidence of the store. */
  readonly #onlyPuts: boolean

  constructor(
    handlers: WatchHandlers,
    host: Pick<WatcherHost<never>, 'logger' | 'namespace'>,
    only: WatchPlan['only'],
  ) {
    this.#handlers = handlers
    this.#host = host
    this.#onlyPuts = only === 'puts'
  }

  /** Passes on the changes of one revision, of the kind that the watch is for. */
  deliver({ revision, events, header }: Changes): void {
    const wanted = this.#onlyPuts ? events.filter(({ type }) => type !== EventType.delete) : events
    if (wanted.length === 0) return
    const converted = wanted.map((event) => this.#eventOf(event))
    this.notify('onEvents', { revision, events: converted, header })
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
  #eventOf(event: KeyEvent): WatchEvent {
    const type = event.type === EventType.delete ? 'delete' : 'put'
    const prevKv = event.prevKv === undefined ? undefined : this.#strip(event.prevKv)
    return new WatchEvent(type, this.#strip(event.kv), prevKv)
  }

  #strip(kv: KeyValue): KeyValue {
    const { namespace } = this.#host
    return namespace.prefix.length === 0 ? kv : { ...kv, key: namespace.strip(kv.key) }
  }
}
