import type { Clock, Keyring } from '@livetree/core'
import { KeySet, readKeys } from '@livetree/core/tools'

/** For how long the keys of a KMS are kept, in milliseconds. Files and variables are read for each call. */
const KEPT_MS = 30_000

type Reading = ReturnType<Keyring['read']>

/** The keys that the calls of one admin share: each waits for them within its own limits, and ends the reading of no other. */
export class SharedKeys {
  readonly #keyring: Keyring
  readonly #clock: Clock
  readonly #closing = new AbortController()
  readonly #unsubscribe: () => void
  #kept: { readonly until: number; readonly reading: Reading } | undefined

  constructor(keyring: Keyring, clock: Clock) {
    this.#keyring = keyring
    this.#clock = clock
    this.#unsubscribe = keyring.onRefresh(async () => {
      this.#kept = undefined
      await this.#read().catch(() => undefined)
    })
  }

  /** The keys; where they cannot be read in time, none, with the reason. */
  within(limits: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined }): Promise<KeySet> {
    const { plaintext } = this.#keyring
    const shared = { plaintext, read: () => this.#read() }
    return readKeys(shared, { ...limits, clock: this.#clock }).catch(
      (error: unknown) => new KeySet({ plaintext, absence: absenceOf(error) }),
    )
  }

  close(): void {
    this.#unsubscribe()
    this.#closing.abort()
  }

  #read(): Reading {
    const now = this.#clock.now()
    if (this.#kept !== undefined && now < this.#kept.until) return this.#kept.reading
    const reading = this.#keyring.read(this.#closing.signal)
    const kept = { until: this.#keyring.isRemote ? now + KEPT_MS : now, reading }
    this.#kept = kept
    reading.catch(() => {
      if (this.#kept === kept) this.#kept = undefined
    })
    return reading
  }
}

function absenceOf(error: unknown): string {
  const text =
    error instanceof Error ? error.message.replace(/^\[\w+\] /, '').replace(/\.$/, '') : String(error)
  return `the keys cannot be read: ${text}`
}
