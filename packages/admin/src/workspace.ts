import type { EtcdClient } from '@livetree/etcd'
import { type KeySet, NO_KEYS } from '@livetree/core/tools'
import type { StoreClient } from 'livetree/operate'
import { monotonicNow } from './clock.ts'
import { AdminError } from './errors.ts'
import type { ResolvedAdmin } from './options.ts'
import { SharedKeys } from './secrets/shared-keys.ts'

/** Options of every call. */
export interface CallOptions {
  /** The limit of this call with all its requests, in milliseconds. Default: that of the admin. */
  readonly timeoutMs?: number | undefined
  /** Ends the call. What it has sent by then is settled first. */
  readonly signal?: AbortSignal | undefined
}

/** What all parts of an admin share: its settings, and the client, which is created with the first call. */
export class Workspace {
  readonly settings: ResolvedAdmin
  #connected: StoreClient | undefined
  readonly #keys: SharedKeys | undefined
  #isClosed = false

  constructor(settings: ResolvedAdmin) {
    this.settings = settings
    const { keyring, definition, clock } = settings
    if (keyring !== undefined && definition.compiled.hasEncrypted) this.#keys = new SharedKeys(keyring, clock)
  }

  /** @throws AdminError `closed` */
  get client(): EtcdClient {
    if (this.#isClosed) throw new AdminError('closed')
    const { store, clock, logger, maxOperations, maxRequestBytes } = this.settings
    this.#connected ??= store.connect({
      clock,
      ...(logger !== undefined && { logger }),
      limits: { txnOps: maxOperations, requestBytes: maxRequestBytes },
    })
    return this.#connected.client
  }

  /** The keys of encrypted values; where they cannot be read, none, with the reason. */
  keys({ control }: CallLimit): Promise<KeySet> {
    return this.#keys?.within(control) ?? Promise.resolve(NO_KEYS)
  }

  /** Starts the time limit of a call. */
  limit({ timeoutMs = this.settings.timeoutMs, signal }: CallOptions): CallLimit {
    const now = () => monotonicNow(this.settings.clock)
    return new CallLimit(now() + timeoutMs, now, signal)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#keys?.close()
    if (this.#connected?.isOwned === true) await this.#connected.client.close()
  }
}

/** What is left of a call's time. */
export class CallLimit {
  readonly signal: AbortSignal | undefined
  readonly #until: number
  readonly #now: () => number

  constructor(until: number, now: () => number, signal: AbortSignal | undefined) {
    this.#until = until
    this.#now = now
    this.signal = signal
  }

  /** Milliseconds, at least 1: a request then fails by its own timeout. */
  get leftMs(): number {
    return Math.min(Math.max(1, Math.ceil(this.#until - this.#now())), 2 ** 31 - 1)
  }

  get isOver(): boolean {
    return this.#now() >= this.#until
  }

  /** Options for the client's calls. */
  get control(): { readonly timeoutMs: number; readonly signal?: AbortSignal } {
    return { timeoutMs: this.leftMs, ...(this.signal !== undefined && { signal: this.signal }) }
  }

  /** @throws AdminError `timeout`, `aborted` */
  assertGoing(doing: string): void {
    if (this.signal?.aborted === true)
      throw new AdminError('aborted', { what: `Aborted while ${doing}`, cause: this.signal.reason })
    if (this.isOver) throw this.over(doing)
  }

  /** The error of a call whose time is over. */
  over(doing: string): AdminError {
    return new AdminError('timeout', { what: `The time limit ended while ${doing}` })
  }
}
