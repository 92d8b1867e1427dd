import type { Clock, Keyring } from '@livetree/core'
import { KeySet, readKeys } from '@livetree/core/tools'
import { monotonicNow } from '../clock.ts'
import { AdminError } from '../errors.ts'

/** For how long the keys of a KMS are kept, in milliseconds. Files and variables are read for each call. */
const KEPT_MS = 30_000
/** For how long those who come later wait for a reading that is under way, in milliseconds: it may hang, and a new one not. */
const SHARED_MS = 1_000

type Answers = ReturnType<Keyring['ask']>

interface Kept {
  /** By the monotonic clock. */
  until: number
  readonly answers: Answers
}

/** The keys that the calls of one admin share: each waits for them within its own limits, and ends the reading of no other. */
export class SharedKeys {
  readonly #keyring: Keyring
  readonly #clock: Clock
  readonly #closing = new AbortController()
  readonly #unsubscribe: () => void
  #kept: Kept | undefined

  constructor(keyring: Keyring, clock: Clock) {
    this.#keyring = keyring
    this.#clock = clock
    this.#unsubscribe = keyring.onRefresh(async () => {
      this.#kept = undefined
      await this.#ask().all
    })
  }

  /**
   * The keys; where they cannot be read in time, none, with the reason.
   *
   * @throws AdminError `closed` when the admin is closed meanwhile
   */
  async within(limits: {
    readonly timeoutMs: number
    readonly signal?: AbortSignal | undefined
  }): Promise<KeySet> {
    const { plaintext } = this.#keyring
    const closing = this.#closing.signal
    const signal = limits.signal === undefined ? closing : AbortSignal.any([limits.signal, closing])
    try {
      const shared = { plaintext, ask: () => this.#ask() }
      return await readKeys(shared, { timeoutMs: limits.timeoutMs, signal, clock: this.#clock })
    } catch (error) {
      closing.throwIfAborted()
      return new KeySet({ plaintext, absence: absenceOf(error) })
    }
  }

  close(): void {
    this.#unsubscribe()
    this.#closing.abort(new AdminError('closed'))
  }

  #ask(): Answers {
    const now = monotonicNow(this.#clock)
    if (this.#kept !== undefined && now < this.#kept.until) return this.#kept.answers
    const answers = this.#keyring.ask(this.#closing.signal, this.#clock)
    if (!this.#keyring.isRemote) return answers
    const kept: Kept = { until: now + SHARED_MS, answers }
    this.#kept = kept
    answers.usable.then(
      () => {
        kept.until = monotonicNow(this.#clock) + KEPT_MS
      },
      () => {
        if (this.#kept === kept) this.#kept = undefined
      },
    )
    return answers
  }
}

function absenceOf(error: unknown): string {
  const text =
    error instanceof Error ? error.message.replace(/^\[\w+\] /, '').replace(/\.$/, '') : String(error)
  return `the keys cannot be read: ${text}`
}
