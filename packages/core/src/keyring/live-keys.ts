import { KeySet } from '../encryption/key-set.ts'
import { isLivetreeError, LivetreeError } from '../errors.ts'
import type { Clock, Logger } from '../source/source.ts'
import { WatchedFile } from '../source/watched-file.ts'
import { OriginError } from './key-origin.ts'
import type { Keyring } from './keyring.ts'
import { mergeKeys } from './merge-keys.ts'
import { OriginReader } from './origin-reader.ts'

/** Keys of several origins that come at the start within this time, in milliseconds, are used together. */
const TOGETHER_MS = 50
/** The pause before the origins are asked again where two have keys of one id and there are none to use yet; in milliseconds. */
const CONFLICT_MS = 1_000
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
  /** Called when an origin gives no keys; those that are known stay in use. Must not throw. */
  onFailure(error: LivetreeError): void
}

type Reason = 'together' | 'conflict' | 'missing' | 'refresh'

/**
 * The keys of a running configuration: read at the start, and again when a file of them changes, when `Keyring.refresh` or
 * `refreshMs` asks for it, and when an envelope names a key that is not known, at most every 10 seconds. Never while a tree
 * is validated. When the current origin has answered its keys are used, and those of others are added when they come; while one
 * has not, all keys that were known before stay.
 */
export class LiveKeys {
  readonly #options: LiveKeysOptions
  readonly #readers: readonly OriginReader[]
  readonly #closing = new AbortController()
  readonly #first = Promise.withResolvers<void>()
  readonly #unsubscribe: () => void
  readonly #files = new Map<OriginReader, WatchedFile>()
  readonly #timers = new Map<Reason, unknown>()
  readonly #waiting: (() => void)[] = []
  #keys: KeySet | undefined
  #error: LivetreeError | undefined
  #askedAt = Number.NEGATIVE_INFINITY

  constructor(options: LiveKeysOptions) {
    this.#options = options
    const { keyring, clock } = options
    const limits = { clock, signal: this.#closing.signal }
    this.#readers = keyring.origins.map((each) => new OriginReader(each, limits, (it) => this.#answered(it)))
    this.#unsubscribe = keyring.onRefresh(() => this.#askAll())
    void this.#askAll()
    this.#refreshLater()
  }

  /** Why there are no keys yet; undefined where there are, or where the origins have not answered. */
  get error(): LivetreeError | undefined {
    return this.#keys === undefined ? this.#error : undefined
  }

  get isReady(): boolean {
    return this.#keys !== undefined
  }

  /** The names of the origins whose keys may still come: they have not answered, or are asked again. */
  get missing(): readonly string[] {
    const isMissing = ({ state }: OriginReader) =>
      state.type === 'asked' || (state.type === 'failed' && !isFinal(state.error))
    return this.#readers.filter(isMissing).map(({ origin }) => origin.name)
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

  /** Resolves after the next answer of an origin, when its keys are in use. */
  nextAnswer(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Leaves no timer and no watcher; a reading under way is aborted. */
  async close(): Promise<void> {
    this.#closing.abort(new LivetreeError('closed', 'The configuration was closed.'))
    this.#unsubscribe()
    for (const timer of this.#timers.values()) this.#options.clock.clearTimeout(timer)
    for (const reader of this.#readers) reader.close()
    this.#first.resolve()
    await Promise.all([...this.#files.values()].map((file) => file.close()))
  }

  /** Never rejects. */
  async #askAll(): Promise<void> {
    await Promise.all(this.#readers.map((reader) => reader.ask()))
  }

  #answered(reader: OriginReader): void {
    const { state } = reader
    if (state.type === 'failed') this.#options.onFailure(state.error)
    this.#watch(reader)
    this.#use()
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** Uses what was given, as far as there is enough of it. */
  #use(): void {
    const { keyring } = this.#options
    const candidates = keyring.hasCurrent ? this.#readers.slice(0, 1) : this.#readers
    if (candidates.some(({ state }) => state.type === 'given')) {
      const isWhole = this.#readers.every(({ state }) => state.type !== 'asked')
      if (this.#keys !== undefined || isWhole) this.#take()
      else if (!this.#timers.has('together')) this.#after('together', TOGETHER_MS)
      return
    }
    const failed = candidates.flatMap(({ state }) => (state.type === 'failed' ? state.error : []))
    const [error] = failed
    if (error === undefined || failed.length < candidates.length) return
    this.#error = error
    if (this.#keys === undefined && isFinal(error)) this.#first.resolve()
    // The keys that others gave are used where there are some already.
    if (this.#keys !== undefined) this.#take()
  }

  #take(): void {
    const { keyring, onFailure, onKeys } = this.#options
    try {
      const given = this.#readers.map(({ state }) => (state.type === 'given' ? state.keys : []))
      const keys = mergeKeys(given)
      // What an origin gave before is kept until it has answered.
      const isSettled = this.#readers.every((reader) => reader.isSettled)
      const kept = isSettled ? [] : (this.#keys?.keysBeside(keys) ?? [])
      const current = keyring.hasCurrent ? (given[0]?.[0] ?? this.#keys?.current) : undefined
      const { plaintext } = keyring
      const onMissing = () => this.#askForMissing()
      const found = new KeySet({ keys: [...keys, ...kept], current, plaintext, onMissing })
      this.#error = undefined
      if (this.#keys?.isSame(found) === true) return
      this.#keys = found
      onKeys(found)
      this.#first.resolve()
    } catch (thrown) {
      const error = isLivetreeError(thrown)
        ? thrown
        : new LivetreeError('keys_unavailable', 'The keys cannot be read.', { cause: thrown })
      this.#error = error
      onFailure(error)
      if (this.#keys !== undefined) return
      this.#first.resolve()
      this.#after('conflict', CONFLICT_MS)
    }
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

  #after(reason: Reason, ms: number): void {
    const { clock } = this.#options
    clock.clearTimeout(this.#timers.get(reason))
    const run = () => {
      this.#timers.delete(reason)
      if (reason === 'together') return this.#take()
      if (reason === 'missing') this.#askedAt = clock.now()
      void this.#askAll()
      if (reason === 'refresh') this.#refreshLater()
    }
    this.#timers.set(reason, clock.setTimeout(run, Math.min(ms, 2 ** 31 - 1)))
  }

  /** Begins after the first reading, which does not wait for a file to be at rest. */
  #watch(reader: OriginReader): void {
    const { file } = reader.origin
    if (file === undefined || this.#files.has(reader)) return
    const { clock, logger } = this.#options
    const onContent = () => this.#askAll()
    this.#files.set(reader, new WatchedFile(file, { clock, logger, watch: true, pollMs: 0, onContent }))
  }
}

/** Whether asking again gives the same answer. */
function isFinal(error: LivetreeError): boolean {
  return error instanceof OriginError && error.isFinal
}
