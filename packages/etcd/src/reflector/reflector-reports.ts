import { callIsolated } from '../call-isolated.ts'
import type { Clock } from '../clock.ts'
import type { EtcdError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { WatchProgress } from '../watch/watch-handlers.ts'
import type { ReflectorHandlers } from './reflector-types.ts'

/** Calls the handlers of a reflector. An error of a handler is logged. */
export class ReflectorReports {
  readonly #handlers: ReflectorHandlers
  readonly #ports: { readonly clock: Clock; readonly logger: Logger }
  /** After it, only the end is reported. */
  readonly #closing: AbortSignal
  /** When the progress that was reported last was requested, in milliseconds since the epoch. */
  #provenAt = 0

  constructor(
    handlers: ReflectorHandlers,
    ports: { readonly clock: Clock; readonly logger: Logger },
    closing: AbortSignal,
  ) {
    this.#handlers = handlers
    this.#ports = ports
    this.#closing = closing
  }

  tell(call: (handlers: ReflectorHandlers) => void): void {
    if (!this.#closing.aborted) this.#call(call)
  }

  /** Reports that the reflector has ended. `error`: why, if its owner did not end it. */
  ended(error: EtcdError | undefined): void {
    this.#call((handlers) => handlers.onEnd?.(error))
  }

  progressed(progress: WatchProgress): void {
    this.#provenAt = progress.at
    this.tell((handlers) => handlers.onProgress?.(progress))
  }

  /** A read has shown how far the store is: a proof as good as progress, unless a later one was reported. */
  proven(progress: WatchProgress): void {
    const isKnown = progress.at < this.#provenAt && this.#provenAt <= this.#ports.clock.now()
    if (!isKnown) this.progressed(progress)
  }

  #call(call: (handlers: ReflectorHandlers) => void): void {
    callIsolated(
      () => call(this.#handlers),
      (error) => this.#ports.logger.error('A handler of a reflector failed', { error }),
    )
  }
}
