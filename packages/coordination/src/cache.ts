import type { Bytes, EtcdClient, KeyRange } from '@livetree/etcd'
import { WAIT_CHECKS, type WaitOptions } from './caller-wait.ts'
import {
  checkArgument,
  FUNCTION,
  isUnexpectedPromise,
  type OptionChecks,
  readOptions,
  refuse,
} from './check-argument.ts'
import type { KeptChange, KeptEntry } from './kept-range.ts'
import { RangeView, type View, VIEW_CHECKS, type ViewOptions } from './view.ts'

/** Options of `openCache`. */
export interface CacheOptions<T> extends ViewOptions {
  /**
   * Makes a value of what is stored, at once: an entry for which it throws or returns a promise is not in the cache but in
   * `invalid`.
   */
  readonly decode: (value: Buffer, key: string) => T
}

/** A range of the store in memory, complete at each revision. */
export interface Cache<T> extends View {
  /** Whether it follows the store: `stale` while no member confirms that nothing is missing. */
  readonly status: 'live' | 'stale' | 'closed'
  readonly size: number
  /** The decoded value of a key; `undefined` if there is none. Decoded once for each write. */
  get(key: Bytes): T | undefined
  /** The keys as text, with their values, in no particular order. */
  entries(): IterableIterator<[key: string, value: T]>
  /** Keys that could not be decoded, with the error. */
  readonly invalid: ReadonlyMap<string, unknown>
  /**
   * Resolves when a condition holds; it is asked now and after each change. What it throws rejects the call.
   *
   * @throws CoordinationError `cancelled`, `deadline_exceeded`, `closed`; `invalid_argument` for a condition that returns a
   * promise
   */
  waitFor(condition: (cache: Cache<T>) => boolean, options?: WaitOptions): Promise<void>
}

/**
 * Reads a range and keeps it up to date until `close()`.
 *
 * @throws CoordinationError `invalid_argument`, `cancelled`, `deadline_exceeded`; EtcdError if etcd refuses
 */
export async function openCache<T>(
  client: EtcdClient,
  range: KeyRange,
  options: CacheOptions<T>,
): Promise<Cache<T>> {
  const checks: OptionChecks<CacheOptions<T>> = { ...VIEW_CHECKS, decode: FUNCTION }
  const { decode, logger, ...limits } = readOptions('openCache', checks, options)
  checkArgument('decode of openCache', FUNCTION, decode)
  const cache = new DecodedCache(client, range, logger, decode)
  await cache.opened(limits)
  return cache
}

class DecodedCache<T> extends RangeView implements Cache<T> {
  readonly #decode: (value: Buffer, key: string) => T
  readonly #values = new Map<string, { readonly key: string; readonly value: T }>()
  readonly #invalid = new Map<string, unknown>()
  #isClosed = false

  constructor(
    client: EtcdClient,
    range: KeyRange,
    logger: ViewOptions['logger'],
    decode: (value: Buffer, key: string) => T,
  ) {
    super(client, 'a cache', range, logger)
    this.#decode = decode
    this.range.onEnd(() => {
      this.#isClosed = true
    })
  }

  get status(): 'live' | 'stale' | 'closed' {
    if (this.#isClosed) return 'closed'
    return this.isStale ? 'stale' : 'live'
  }

  get size(): number {
    return this.#values.size
  }

  get invalid(): ReadonlyMap<string, unknown> {
    return this.#invalid
  }

  get(key: Bytes): T | undefined {
    return this.#values.get(Buffer.from(key as string).toString('latin1'))?.value
  }

  *entries(): IterableIterator<[key: string, value: T]> {
    for (const { key, value } of this.#values.values()) yield [key, value]
  }

  async waitFor(condition: (cache: Cache<T>) => boolean, options?: WaitOptions): Promise<void> {
    checkArgument('the condition', FUNCTION, condition)
    const limits = readOptions('waitFor', WAIT_CHECKS, options)
    await this.until('waiting for a cache', () => condition(this), limits)
  }

  protected override apply(changes: readonly KeptChange[]): void {
    for (const { previous, current } of changes) {
      if (current !== undefined) this.#put(current)
      else if (previous !== undefined) this.#remove(previous)
    }
  }

  #put(entry: KeptEntry): void {
    this.#remove(entry)
    const key = entry.key.toString()
    try {
      const value = this.#decode(entry.value, key)
      if (isUnexpectedPromise(value)) throw refuse('decode returned a promise, not a value')
      this.#values.set(entry.key.toString('latin1'), { key, value })
    } catch (error) {
      this.#invalid.set(key, error)
      this.logger.warn('An entry of a cache cannot be decoded', { key, error })
    }
  }

  #remove({ key }: KeptEntry): void {
    this.#values.delete(key.toString('latin1'))
    this.#invalid.delete(key.toString())
  }
}
