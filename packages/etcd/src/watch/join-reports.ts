import { callIsolated } from '../call-isolated.ts'
import type { EtcdError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { WatchContact, WatchHandlers } from './watch-handlers.ts'

/** What a join tells its caller, and whether its watches are together. */
export class JoinReports {
  readonly #handlers: WatchHandlers
  readonly #logger: Logger
  /** The last contact, while all watches are on one stream. */
  #contact: WatchContact | undefined
  /** The last read has failed, and that was reported. */
  #isBlind = false
  #hasBeenTogether = false
  #lastLoss: EtcdError | undefined | 'none' = 'none'

  constructor(handlers: WatchHandlers, logger: Logger) {
    this.#handlers = handlers
    this.#logger = logger
  }

  get isTogether(): boolean {
    return this.#contact !== undefined
  }

  get isBlind(): boolean {
    return this.#isBlind
  }

  /** All watches are on one stream. */
  together(contact: WatchContact): void {
    this.#contact = contact
    this.#isBlind = false
    this.#lastLoss = 'none'
    const name = this.#hasBeenTogether ? 'onResumed' : 'onCreated'
    this.#hasBeenTogether = true
    this.tell((handlers) => handlers[name]?.(contact))
  }

  /** A watch has lost its stream. The end of a stream is reported by each of its watches, and passed on once. */
  disconnected(error: EtcdError | undefined, position: number): void {
    this.#contact = undefined
    if (error === this.#lastLoss) return
    this.#lastLoss = error
    this.tell((handlers) => handlers.onDisconnected?.({ error, position }))
  }

  /** The join has ended. */
  ended(error: EtcdError | undefined): void {
    this.#contact = undefined
    this.tell((handlers) => handlers.onEnd?.(error))
  }

  /** A read has failed: until one is answered, the age of what was passed on is unknown. */
  unread(error: EtcdError, position: number): void {
    if (this.#isBlind || this.#contact === undefined) return
    this.#isBlind = true
    this.tell((handlers) => handlers.onDisconnected?.({ error, position }))
  }

  /** A read was answered, or nothing waits for one. */
  seen(position: number): void {
    const contact = this.#contact
    if (!this.#isBlind || contact === undefined) return
    this.#isBlind = false
    this.tell((handlers) => handlers.onResumed?.({ ...contact, position }))
  }

  tell(call: (handlers: WatchHandlers) => void): void {
    callIsolated(
      () => call(this.#handlers),
      (error) => this.#logger.error('A handler of a joined watch failed', { error }),
    )
  }
}
