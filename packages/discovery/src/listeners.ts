import { callIsolated } from '@livetree/etcd'

/** Called for what a listener throws or rejects with. */
export type OnListenerError = (error: unknown) => void

/**
 * The listeners of an object. What one of them throws or rejects with is reported and affects nobody else.
 */
export class Listeners<Events extends Record<string, unknown>> {
  readonly #onError: OnListenerError
  readonly #listeners = new Map<keyof Events, Set<(event: never) => unknown>>()

  constructor(onError: OnListenerError) {
    this.#onError = onError
  }

  /** Adds a listener and returns the function that removes it. */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => unknown): () => void {
    const own = (event: Events[Name]): unknown => listener(event)
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners.add(own))
    return () => void listeners.delete(own)
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      callIsolated(() => (listener as (event: Events[Name]) => unknown)(event), this.#onError)
    }
  }

  /** Calls one listener alone. */
  call<Event>(listener: (event: Event) => unknown, event: Event): void {
    callIsolated(() => listener(event), this.#onError)
  }

  clear(): void {
    this.#listeners.clear()
  }
}
