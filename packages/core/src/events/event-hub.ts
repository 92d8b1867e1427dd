import { EventEmitter } from 'eventemitter3'
import { LivetreeError } from '../errors.ts'
import type { UnusedKey } from '../issue.ts'
import { nearestName } from '../pipeline/nearest-name.ts'
import { callIsolated, type ReportFailure } from '../callback.ts'
import type { ChangeEvent } from './change-event.ts'
import type { LiveEvent, StaleEvent } from './freshness-events.ts'
import { ChangeSubscriber, type Delivery, type Subscriber } from './subscriber.ts'
import type { RejectedEvent } from '../updates/rejection.ts'
import type { ServedFrom } from '../updates/update-processor.ts'

/** The configuration is loaded. */
export interface ReadyEvent {
  readonly revision: number
  readonly servedFrom: ServedFrom
}

/** Keys the schema does not know. */
export interface UnusedEvent {
  /** All there are now; never empty. */
  readonly keys: readonly UnusedKey[]
}

/** What each event tells. */
export interface ConfigEvents<T> {
  /** Told to every listener, also to those who come later. */
  ready: ReadyEvent
  /** `current` is another one. */
  change: ChangeEvent<T>
  /** The newest tree is not valid and not in service. Once for each failing state. */
  rejected: RejectedEvent
  /** The set of unknown keys is another one, and `unused` is not `ignore`. */
  unused: UnusedEvent
  stale: StaleEvent
  live: LiveEvent
  /** Something went wrong that nobody waits for; also given to the logger. */
  error: LivetreeError
}

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

/** @throws LivetreeError `invalid_options` for an event there is not, or what cannot be called */
export function assertListener(call: string, event: unknown, listener: unknown): void {
  if (!NAMES.includes(event as ConfigEventName)) {
    const near = typeof event === 'string' ? nearestName(event, NAMES) : undefined
    const meant = near === undefined ? `There are ${NAMES.join(', ')}` : `Did you mean "${near}"?`
    throw new LivetreeError('invalid_options', `${call} got an event that there is not. ${meant}.`)
  }
  if (typeof listener !== 'function') {
    throw new LivetreeError('invalid_options', `${call} needs a function that listens for '${event}'.`)
  }
}

/** Called one at a time: when it returns a promise, the next call waits until that has settled. */
export type ConfigListener<T, E extends ConfigEventName> = (event: ConfigEvents<T>[E]) => unknown

/** Serves the events that are no states: while a listener is busy, only the newest waits. */
class EventSubscriber<E> {
  readonly #what: string
  readonly #listener: (event: E) => unknown
  readonly #report: ReportFailure
  #waiting: { readonly event: E } | undefined = undefined
  #isBusy = false
  #isClosed = false

  constructor(what: string, listener: (event: E) => unknown, report: ReportFailure) {
    this.#what = what
    this.#listener = listener
    this.#report = report
  }

  offer(event: E): void {
    this.#waiting = { event }
    if (!this.#isBusy) this.#run()
  }

  close(): void {
    this.#isClosed = true
  }

  #run(): void {
    this.#isBusy = true
    while (this.#waiting !== undefined && !this.#isClosed) {
      const { event } = this.#waiting
      this.#waiting = undefined
      const pending = callIsolated(this.#what, () => this.#listener(event), this.#report)
      if (pending === undefined) continue
      void pending.then(() => this.#run())
      return
    }
    this.#isBusy = false
  }
}

interface Registration {
  readonly name: ConfigEventName
  readonly known: unknown
  remove(): void
}

/** The events of one configuration. No listener can hold up, stop or break another, nor the one who emits. */
export class EventHub<T> {
  readonly #delivery: Delivery<T>
  readonly #reportQuietly: ReportFailure
  readonly #emitter = new EventEmitter()
  readonly #registrations = new Set<Registration>()
  /** Told before anybody could listen, and true still. */
  readonly #standing = new Map<ConfigEventName, unknown>()

  /** @param reportQuietly where failures of `error` listeners go, which cannot be told to themselves */
  constructor(delivery: Delivery<T>, reportQuietly: ReportFailure) {
    this.#delivery = delivery
    this.#reportQuietly = reportQuietly
  }

  /** @param known the function by which `off` will name the listener */
  on<E extends ConfigEventName>(
    name: E,
    listener: ConfigListener<T, E>,
    known: unknown = listener,
  ): () => void {
    if (name !== 'change') return this.#onEvent(name, listener, known)
    const onChange = listener as ConfigListener<T, 'change'>
    return this.subscribe(new ChangeSubscriber(this.#delivery, onChange), known)
  }

  once<E extends ConfigEventName>(name: E, listener: ConfigListener<T, E>): () => void {
    const first: ConfigListener<T, E> = (event) => {
      remove()
      return listener(event)
    }
    const remove = this.on(name, first, listener)
    return remove
  }

  off<E extends ConfigEventName>(name: E, listener: ConfigListener<T, E>): void {
    const isIt = (registration: Registration) => registration.name === name && registration.known === listener
    const registration = [...this.#registrations].find(isIt)
    registration?.remove()
  }

  /** Adds a subscriber that is served in turn with the listeners of `change`. */
  subscribe(subscriber: Subscriber<T>, known: unknown = subscriber): () => void {
    return this.#register(
      'change',
      known,
      () => subscriber.notify(),
      () => subscriber.close(),
    )
  }

  emit<E extends Exclude<ConfigEventName, 'change'>>(name: E, event: ConfigEvents<T>[E]): void {
    this.#emitter.emit(name, event)
  }

  /** Every subscriber looks at the state again. */
  emitChange(): void {
    this.#emitter.emit('change')
  }

  hasListener(name: ConfigEventName): boolean {
    return this.#emitter.listenerCount(name) > 0
  }

  /** Listeners that come later are told too, until `settle`. */
  stand<E extends Exclude<ConfigEventName, 'change'>>(name: E, event: ConfigEvents<T>[E]): void {
    this.#standing.set(name, event)
  }

  settle(name: ConfigEventName): void {
    this.#standing.delete(name)
  }

  close(): void {
    for (const registration of [...this.#registrations]) registration.remove()
    this.#standing.clear()
  }

  #onEvent<E extends ConfigEventName>(name: E, listener: ConfigListener<T, E>, known: unknown): () => void {
    const report = name === 'error' ? this.#reportQuietly : this.#delivery.report
    const subscriber = new EventSubscriber(`A listener of '${name}'`, listener, report)
    if (this.#standing.has(name)) {
      queueMicrotask(() => {
        if (this.#standing.has(name)) subscriber.offer(this.#standing.get(name) as ConfigEvents<T>[E])
      })
    }
    const offer = (event: unknown) => subscriber.offer(event as ConfigEvents<T>[E])
    return this.#register(name, known, offer, () => subscriber.close())
  }

  #register(
    name: ConfigEventName,
    known: unknown,
    call: (event?: unknown) => void,
    close: () => void,
  ): () => void {
    const registration: Registration = {
      name,
      known,
      remove: () => {
        close()
        this.#emitter.off(name, call)
        this.#registrations.delete(registration)
      },
    }
    this.#emitter.on(name, call)
    this.#registrations.add(registration)
    return registration.remove
  }
}
