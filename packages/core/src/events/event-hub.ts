import { disown } from '../callback.ts'
import { LivetreeError } from '../errors.ts'
import type { UnusedKey } from '../issue.ts'
import { fieldOf } from '../thrown.ts'
import { nearestName } from '../nearest-name.ts'
import type { ChangeEvent } from './change-event.ts'
import type { LiveEvent, StaleEvent } from './freshness-events.ts'
import { EventSubscriber } from './event-subscriber.ts'
import { ChangeSubscriber, type Delivery, type Subscriber } from './subscriber.ts'
import type { RejectedEvent } from '../updates/rejection.ts'
import type { ServedFrom } from '../updates/served-state.ts'

/** Emitted when the configuration is loaded. */
export interface ReadyEvent {
  readonly revision: number
  readonly servedFrom: ServedFrom
}

/** Emitted when the set of keys that match nothing in the schema changes. */
export interface UnusedEvent {
  /** All such keys; never empty. */
  readonly keys: readonly UnusedKey[]
}

/** The events of a configuration and their payloads. */
export interface ConfigEvents<T> {
  /** Delivered once to every listener, including those added after loading. */
  ready: ReadyEvent
  /** `current` has changed. */
  change: ChangeEvent<T>
  /** The newest tree is invalid and not in service. Emitted once for each invalid state. */
  rejected: RejectedEvent
  /** The set of unknown keys has changed. Not emitted with `unused: 'ignore'`. */
  unused: UnusedEvent
  /** The configuration is no longer proven to be the newest. */
  stale: StaleEvent
  /** The configuration is proven to be the newest again. */
  live: LiveEvent
  /** An error in the background, which no caller receives. Also logged. */
  error: LivetreeError
}

/** Names of the events of a configuration. */
export type ConfigEventName = keyof ConfigEvents<unknown>

const NAMES = [
  'ready',
  'change',
  'rejected',
  'unused',
  'stale',
  'live',
  'error',
] as const satisfies ConfigEventName[]

/**
 * Validates the arguments of `on` and `once`.
 *
 * @throws LivetreeError `invalid_options` if the event does not exist or the listener is not a function
 */
export function assertListener(call: string, event: unknown, listener: unknown): void {
  disown([event, listener])
  if (!NAMES.includes(event as ConfigEventName)) {
    const near = typeof event === 'string' ? nearestName(event, NAMES) : undefined
    const meant = near === undefined ? `There are ${NAMES.join(', ')}` : `Did you mean "${near}"?`
    throw new LivetreeError('invalid_options', `${call} got an unknown event. ${meant}.`)
  }
  if (typeof listener !== 'function') {
    throw new LivetreeError('invalid_options', `${call} needs a function that listens for '${event}'.`)
  }
}

/** A listener. Its calls never overlap: if it returns a promise, the next call waits until that has settled. */
export type ConfigListener<T, E extends ConfigEventName> = (event: ConfigEvents<T>[E]) => unknown

interface Registration {
  call(event: unknown): void
  /** Whether the listener has not settled for so long that it cannot be counted on. */
  isStuck(): boolean
  remove(): void
}

/** The listeners of one event, in the order of their addition. Every operation on one of them takes constant time. */
interface Listeners {
  readonly all: Set<Registration>
  /** By the function that `off` identifies a listener by; a function may be added several times. */
  readonly byKnown: Map<unknown, Set<Registration>>
}

/** Receives the failure of a listener of any event but `change`, and the events that it has not handled. */
export type ListenerFailed = (
  name: ConfigEventName,
  failure: LivetreeError,
  events: readonly object[],
) => void

/** The events of one configuration. A listener cannot delay, stop or break another listener or the emitter. */
export class EventHub<T> {
  readonly #delivery: Delivery<T>
  readonly #failed: ListenerFailed
  readonly #listeners = new Map<ConfigEventName, Listeners>()
  /** Events emitted while loading that still hold; delivered to listeners added later. */
  readonly #standing = new Map<ConfigEventName, object>()
  /** Those of them that a listener was called with. */
  readonly #received = new WeakSet<object>()

  constructor(delivery: Delivery<T>, failed: ListenerFailed) {
    this.#delivery = delivery
    this.#failed = failed
  }

  /** Adds a listener; returns a function that removes it. @param known the function that `off` identifies the listener by */
  on<E extends ConfigEventName>(
    name: E,
    listener: ConfigListener<T, E>,
    known: unknown = listener,
  ): () => void {
    if (name !== 'change') return this.#onEvent(name, listener, known)
    const onChange = listener as ConfigListener<T, 'change'>
    return this.subscribe(new ChangeSubscriber(this.#delivery, onChange), known)
  }

  /** Adds a listener that is removed before its first call. */
  once<E extends ConfigEventName>(name: E, listener: ConfigListener<T, E>): () => void {
    const first: ConfigListener<T, E> = (event) => {
      remove()
      return listener(event)
    }
    Object.defineProperty(first, 'name', { value: fieldOf(listener, 'name') })
    const remove = this.on(name, first, listener)
    return remove
  }

  /** Removes a listener; does nothing if it is unknown. */
  off<E extends ConfigEventName>(name: E, listener: ConfigListener<T, E>): void {
    const [first] = this.#listeners.get(name)?.byKnown.get(listener) ?? []
    first?.remove()
  }

  /**
   * Adds a subscriber that is notified in order with the listeners of `change`, and at once of a change that was made since
   * it was created: its first calls of user code may have made one.
   */
  subscribe(subscriber: Subscriber<T>, known: unknown = subscriber): () => void {
    const remove = this.#register('change', known, {
      call: () => subscriber.notify(),
      isStuck: () => false,
      close: () => subscriber.close(),
    })
    subscriber.notify()
    return remove
  }

  emit<E extends Exclude<ConfigEventName, 'change'>>(name: E, event: ConfigEvents<T>[E]): void {
    this.#call(name, event)
  }

  /** Notifies every subscriber that the state may have changed. */
  emitChange(): void {
    this.#call('change', undefined)
  }

  /** Whether any listener receives the event: one that does not settle does not. */
  hasListener(name: ConfigEventName): boolean {
    for (const registration of this.#listeners.get(name)?.all ?? []) if (!registration.isStuck()) return true
    return false
  }

  /** Whether a listener that was added after the event was emitted has received it. */
  wasReceived(event: object): boolean {
    return this.#received.has(event)
  }

  /** Delivers an event to listeners added later too, until `settle`. */
  emitUntilSettled<E extends Exclude<ConfigEventName, 'change'>>(name: E, event: ConfigEvents<T>[E]): void {
    this.#standing.set(name, event)
  }

  /** Ends what `emitUntilSettled` began. */
  settle(name: ConfigEventName): void {
    this.#standing.delete(name)
  }

  close(): void {
    for (const { all } of [...this.#listeners.values()]) {
      for (const registration of [...all]) registration.remove()
    }
    this.#standing.clear()
  }

  #onEvent<E extends ConfigEventName>(name: E, listener: ConfigListener<T, E>, known: unknown): () => void {
    const subscriber = new EventSubscriber<ConfigEvents<T>[E]>(`A listener of '${name}'`, listener, {
      pending: this.#delivery.pending,
      failed: (failure, events) => this.#failed(name, failure, events as readonly object[]),
      loops: () => this.#delivery.loops?.(),
    })
    if (this.#standing.has(name)) {
      queueMicrotask(() => {
        const event = this.#standing.get(name)
        if (event === undefined) return
        this.#received.add(event)
        subscriber.offer(event as ConfigEvents<T>[E])
      })
    }
    return this.#register(name, known, {
      call: (event) => subscriber.offer(event as ConfigEvents<T>[E]),
      isStuck: () => subscriber.isStuck,
      close: () => subscriber.close(),
    })
  }

  /** Calls the listeners there are now. One that is added during the calls does not receive the event. */
  #call(name: ConfigEventName, event: unknown): void {
    for (const registration of [...(this.#listeners.get(name)?.all ?? [])]) registration.call(event)
  }

  #register(
    name: ConfigEventName,
    known: unknown,
    { call, isStuck, close }: Omit<Registration, 'remove'> & { close(): void },
  ): () => void {
    const listeners: Listeners = this.#listeners.get(name) ?? { all: new Set(), byKnown: new Map() }
    const same = listeners.byKnown.get(known) ?? new Set<Registration>()
    const { all, byKnown } = listeners
    const registration: Registration = {
      call,
      isStuck,
      remove: () => {
        close()
        all.delete(registration)
        same.delete(registration)
        if (same.size === 0 && byKnown.get(known) === same) byKnown.delete(known)
        if (all.size === 0 && this.#listeners.get(name) === listeners) this.#listeners.delete(name)
      },
    }
    this.#listeners.set(name, listeners)
    byKnown.set(known, same)
    all.add(registration)
    same.add(registration)
    return registration.remove
  }
}
