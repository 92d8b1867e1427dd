import { callIsolated, type EtcdClient, guardLogger, type KeyRange, type Logger } from '@livetree/etcd'
import { CallerWait, WAIT_CHECKS, type WaitOptions } from './caller-wait.ts'
import {
  checkArgument,
  FUNCTION,
  isUnexpectedPromise,
  LOGGER,
  type OptionChecks,
  readOptions,
  refuse,
} from './check-argument.ts'
import { type KeptChange, KeptRange } from './kept-range.ts'
import { checkClient } from './session.ts'

/** Options of every `open*` that returns a live view. */
export interface ViewOptions extends WaitOptions {
  /** Receives what a listener throws. Default: silent. */
  readonly logger?: Logger
}

/** The checks of `ViewOptions`. */
export const VIEW_CHECKS: OptionChecks<ViewOptions> = { ...WAIT_CHECKS, logger: LOGGER }

/** A part of the store that is kept up to date until `close()`. */
export interface View extends AsyncDisposable {
  /** Everything up to this revision of the store is contained. */
  readonly revision: number
  /** True while no member of etcd confirms that nothing is missing, and once it is closed: the contents may be outdated. */
  readonly isStale: boolean
  /**
   * Calls `listener` after each change, one at a time and in order; `stale` when `isStale` changes, except by the end of the view
   * or of its client. Returns its undo.
   */
  on(event: 'change' | 'stale', listener: () => void): () => void
  /**
   * Resolves when everything that the store contained at the time of the call is contained: the view then equals a
   * linearizable read.
   *
   * @throws CoordinationError `cancelled`, `deadline_exceeded`, `closed`; EtcdError if the store cannot be read
   */
  fresh(options?: WaitOptions): Promise<void>
  /** Ends the view. Idempotent. */
  close(): Promise<void>
}

/** A view over one range; `apply` derives what is shown from its entries. */
export class RangeView implements View {
  protected readonly range: KeptRange
  readonly #listeners = { change: new Set<() => void>(), stale: new Set<() => void>() }
  protected readonly logger: Logger
  readonly #name: string

  constructor(client: EtcdClient, name: string, range: KeyRange, logger: Logger | undefined) {
    checkClient(client)
    this.#name = name
    this.logger = guardLogger(logger)
    this.range = new KeptRange(client, range, {
      onChange: (changes) => {
        this.apply(changes)
        this.#notify('change')
      },
      onStale: () => this.#notify('stale'),
    })
  }

  /** Called for each change, before the listeners. */
  protected apply(_changes: readonly KeptChange[]): void {}

  get revision(): number {
    return this.range.revision
  }

  get isStale(): boolean {
    return this.range.isStale
  }

  on(event: 'change' | 'stale', listener: () => void): () => void {
    if (event !== 'change' && event !== 'stale') throw refuse("the event is neither 'change' nor 'stale'")
    checkArgument('the listener', FUNCTION, listener)
    // Wrapped, so that a function that listens twice is called twice and taken off once.
    const own = (): void => listener()
    this.#listeners[event].add(own)
    return () => void this.#listeners[event].delete(own)
  }

  async fresh(options?: WaitOptions): Promise<void> {
    const what = `fresh() of ${this.#name}`
    await this.range.fresh(what, readOptions(what, WAIT_CHECKS, options))
  }

  /**
   * Waits until a condition holds; it is asked now and after each change.
   *
   * @throws CoordinationError `cancelled`, `deadline_exceeded`, `closed`
   */
  protected async until(what: string, isMet: () => boolean, options: WaitOptions): Promise<void> {
    using wait = new CallerWait(what, options, this.range)
    const met = Promise.withResolvers<void>()
    const ask = (): void => {
      try {
        const answer: unknown = isMet()
        if (isUnexpectedPromise(answer)) throw refuse('the condition returned a promise, not true or false')
        if (answer) met.resolve()
      } catch (error) {
        met.reject(error)
      }
    }
    const off = this.on('change', ask)
    ask()
    try {
      await wait.race(met.promise)
    } finally {
      off()
      met.resolve()
    }
  }

  /** Waits for the first list. */
  async opened(options: WaitOptions): Promise<void> {
    await this.range.opened(`opening ${this.#name}`, options)
  }

  async close(): Promise<void> {
    this.range.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #notify(event: 'change' | 'stale'): void {
    for (const listener of [...this.#listeners[event]])
      callIsolated(listener, (error) => this.logger.error(`A listener of ${this.#name} failed`, { error }))
  }
}
