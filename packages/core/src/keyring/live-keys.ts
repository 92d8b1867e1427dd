import { KeySet } from '../encryption/key-set.ts'
import { withDeadline } from '../deadline.ts'
import { isLivetreeError, LivetreeError } from '../errors.ts'
import type { Clock, Logger } from '../source/source.ts'
import { WatchedFile } from '../source/watched-file.ts'
import { OriginError } from './key-origin.ts'
import type { Keyring } from './keyring.ts'

/** How long the origins may take to answer, in milliseconds. */
const READ_MS = 10_000
/** The pause after a first reading that failed, and the longest one; in milliseconds. */
const RETRY_MS = 1_000
const MOST_RETRY_MS = 60_000
/** The pause before the origins are asked for a key that an envelope names, and the least time between two such askings. */
const MISSING_MS = 50
const MISSING_PAUSE_MS = 10_000

/** Options of `LiveKeys`. */
export interface LiveKeysOptions {
  readonly keyring: Keyring
  readonly clock: Clock
  readonly logger: Logger
  /** Called with the first keys, and again whenever they are others. Must not throw. */
  onKeys(keys: KeySet): void
  /** Called when keys cannot be read again; those that are known stay in use. Must not throw. */
  onFailure(error: LivetreeError): void
}

/**
 * The keys of a running configuration: read at the start, and again when a file of them changes, when `Keyring.refresh` or
 * `refreshMs` asks for it, and when an envelope names a key that is not known, at most every 10 seconds. Never while a tree
 * is validated.
 */
export class LiveKeys {
  readonly #options: LiveKeysOptions
  readonly #closing = new AbortController()
  readonly #first = Promise.withResolvers<void>()
  readonly #unsubscribe: () => void
  #files: readonly WatchedFile[] = []
  #keys: KeySet | undefined
  #error: LivetreeError | undefined
  #reading: Promise<void> | undefined
  /** Asked again while a reading was under way, which may have missed what is new. */
  #isOutdated = false
  readonly #timers = new Map<'retry' | 'missing' | 'refresh', unknown>()
  #retryMs = RETRY_MS
  #askedAt = Number.NEGATIVE_INFINITY

  constructor(options: LiveKeysOptions) {
    this.#options = options
    const { keyring } = options
    this.#unsubscribe = keyring.onRefresh(() => this.#read())
    void this.#read()
    this.#refreshLater()
  }

  /** Why there are no keys yet; undefined where there are, or where the origins have not answered. */
  get error(): LivetreeError | undefined {
    return this.#keys === undefined ? this.#error : undefined
  }

  get isReady(): boolean {
    return this.#keys !== undefined
  }

  /** Resolves when the first keys are in use, when asking again cannot help, or when `cut` fires. */
  async ready(cut: AbortSignal): Promise<void> {
    const given = Promise.withResolvers<void>()
    const giveUp = () => given.resolve()
    cut.addEventListener('abort', giveUp, { once: true })
    if (!cut.aborted) await Promise.race([this.#first.promise, given.promise])
    cut.removeEventListener('abort', giveUp)
    if (this.#keys !== undefined) return
    const { keyring, onKeys } = this.#options
    const why = this.#error === undefined ? 'have not answered' : 'cannot be read'
    onKeys(new KeySet({ plaintext: keyring.plaintext, absence: `its origins of keys ${why}` }))
  }

  /** Leaves no timer and no watcher; a reading under way is aborted. */
  async close(): Promise<void> {
    this.#closing.abort(new LivetreeError('closed', 'The configuration was closed.'))
    this.#unsubscribe()
    for (const timer of this.#timers.values()) this.#options.clock.clearTimeout(timer)
    this.#first.resolve()
    await Promise.all(this.#files.map((file) => file.close()))
  }

  /** Reads, also once more where a reading is under way. Never rejects. */
  #read(): Promise<void> {
    if (this.#reading !== undefined) {
      this.#isOutdated = true
      return this.#reading
    }
    this.#reading = this.#readAll().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #readAll(): Promise<void> {
    do {
      this.#isOutdated = false
      await this.#readOnce()
    } while (this.#isOutdated && !this.#closing.signal.aborted)
  }

  async #readOnce(): Promise<void> {
    const { keyring, clock } = this.#options
    const what = 'Reading the keys'
    try {
      const limits = { clock, timeoutMs: READ_MS, signals: [this.#closing.signal], what }
      const { keys, current, failure } = await withDeadline((signal) => keyring.read(signal), limits)
      if (this.#closing.signal.aborted) return
      // What an origin gave before it failed is kept.
      const kept = failure === undefined ? [] : (this.#keys?.keysBeside(keys) ?? [])
      const { plaintext } = keyring
      const onMissing = () => this.#askForMissing()
      this.#take(new KeySet({ keys: [...keys, ...kept], current, plaintext, onMissing }))
      if (failure !== undefined) this.#miss(failure)
    } catch (error) {
      this.#fail(error)
    }
    this.#watch()
  }

  #take(keys: KeySet): void {
    if (this.#closing.signal.aborted) return
    this.#error = undefined
    if (this.#keys?.isSame(keys) === true) return
    this.#keys = keys
    this.#options.onKeys(keys)
    this.#first.resolve()
  }

  /** A previous origin gives no keys: it is asked again. */
  #miss(failure: LivetreeError): void {
    this.#options.onFailure(failure)
    this.#retryLater()
  }

  #fail(thrown: unknown): void {
    if (this.#closing.signal.aborted) return
    const error = isLivetreeError(thrown)
      ? thrown
      : new LivetreeError('keys_unavailable', 'The keys cannot be read.', { cause: thrown })
    this.#error = error
    this.#options.onFailure(error)
    if (this.#keys !== undefined) return
    if (error instanceof OriginError && error.isFinal) this.#first.resolve()
    this.#retryLater()
  }

  #retryLater(): void {
    this.#after('retry', this.#retryMs)
    this.#retryMs = Math.min(this.#retryMs * 2, MOST_RETRY_MS)
  }

  #askForMissing(): void {
    const { clock } = this.#options
    if (this.#timers.has('missing') || this.#closing.signal.aborted) return
    const waitMs = Math.max(MISSING_MS, this.#askedAt + MISSING_PAUSE_MS - clock.now())
    this.#after('missing', Math.min(waitMs, MISSING_PAUSE_MS))
  }

  #refreshLater(): void {
    const { refreshMs } = this.#options.keyring
    if (Number.isFinite(refreshMs)) this.#after('refresh', refreshMs)
  }

  #after(reason: 'retry' | 'missing' | 'refresh', ms: number): void {
    const { clock } = this.#options
    clock.clearTimeout(this.#timers.get(reason))
    const run = () => {
      this.#timers.delete(reason)
      if (reason === 'missing') this.#askedAt = clock.now()
      void this.#read()
      if (reason === 'refresh') this.#refreshLater()
    }
    this.#timers.set(reason, clock.setTimeout(run, Math.min(ms, 2 ** 31 - 1)))
  }

  /** Begins after the first reading, which does not wait for a file to be at rest. */
  #watch(): void {
    if (this.#files.length > 0 || this.#closing.signal.aborted) return
    const { keyring, clock, logger } = this.#options
    this.#files = keyring.files.map(
      (file) =>
        new WatchedFile(file, { clock, logger, watch: true, pollMs: 0, onContent: () => this.#read() }),
    )
  }
}
