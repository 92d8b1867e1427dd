import type { EnvelopeKey } from '../encryption/key-set.ts'
import { isLivetreeError, LivetreeError } from '../errors.ts'
import { type AskLimits, askOrigin } from './ask-origin.ts'
import type { ReadableOrigin } from './key-origin.ts'

/** The pause after a first reading that failed, and the longest one; in milliseconds. */
const RETRY_MS = 1_000
const MOST_RETRY_MS = 60_000

/** What an origin says; while one that had settled is asked again, what it gave before is not its answer any more. */
export type OriginState =
  | { readonly type: 'asked' }
  | { readonly type: 'given'; readonly keys: readonly EnvelopeKey[] }
  | { readonly type: 'failed'; readonly error: LivetreeError }

/** One origin of a running configuration. It waits for no other; one that failed is asked again, with growing pauses. */
export class OriginReader {
  readonly origin: ReadableOrigin
  readonly #limits: AskLimits
  readonly #onAnswer: (reader: OriginReader) => void
  #state: OriginState = { type: 'asked' }
  #reading: Promise<void> | undefined
  /** Asked again while a reading was under way, which may have missed what is new. */
  #isOutdated = false
  #retry: unknown
  #retryMs = RETRY_MS

  /** @param onAnswer called after each reading, also after one that failed; must not throw */
  constructor(origin: ReadableOrigin, limits: AskLimits, onAnswer: (reader: OriginReader) => void) {
    this.origin = origin
    this.#limits = limits
    this.#onAnswer = onAnswer
  }

  get state(): OriginState {
    return this.#state
  }

  /** Whether it has answered, and is not being asked again. */
  get isSettled(): boolean {
    return this.#reading === undefined && this.#state.type === 'given'
  }

  /** Reads, also once more where a reading is under way. Never rejects. */
  ask(): Promise<void> {
    if (this.#reading !== undefined) {
      this.#isOutdated = true
      return this.#reading
    }
    this.#stopRetry()
    this.#state = { type: 'asked' }
    this.#reading = this.#readAll()
    return this.#reading
  }

  /** Leaves no timer; whoever made the reader aborts the signal of a reading under way. */
  close(): void {
    this.#stopRetry()
  }

  async #readAll(): Promise<void> {
    // The origin is asked when this call is over: it may ask for a reading itself.
    await Promise.resolve()
    do {
      this.#isOutdated = false
      this.#state = await this.#readOnce()
      if (this.#limits.signal.aborted) return
      if (!this.#isOutdated) this.#settle()
      this.#onAnswer(this)
    } while (this.#reading !== undefined)
  }

  #settle(): void {
    this.#reading = undefined
    if (this.#state.type === 'failed') this.#askLater()
    else this.#retryMs = RETRY_MS
  }

  async #readOnce(): Promise<OriginState> {
    try {
      return { type: 'given', keys: await askOrigin(this.origin, this.#limits) }
    } catch (thrown) {
      const error = isLivetreeError(thrown)
        ? thrown
        : new LivetreeError('keys_unavailable', 'The keys cannot be read.', { cause: thrown })
      return { type: 'failed', error }
    }
  }

  #askLater(): void {
    this.#retry = this.#limits.clock.setTimeout(() => void this.ask(), this.#retryMs)
    this.#retryMs = Math.min(this.#retryMs * 2, MOST_RETRY_MS)
  }

  #stopRetry(): void {
    this.#limits.clock.clearTimeout(this.#retry)
    this.#retry = undefined
  }
}
