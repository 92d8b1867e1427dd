import {
  type EtcdClient,
  type EtcdError,
  isFinalError,
  type KeyRange,
  type Reflector,
  type WatchEvent,
} from '@livetree/etcd'
import { CallerWait, type Ending, type WaitOptions } from './caller-wait.ts'
import { CoordinationError } from './errors.ts'

/** An entry as the store sends it, with bytes of its own. */
export type KeptEntry = WatchEvent['kv']

/** One changed key; `previous` or `current` is undefined if it did not, or does not exist. */
export interface KeptChange {
  readonly previous: KeptEntry | undefined
  readonly current: KeptEntry | undefined
}

/** Callbacks of a `KeptRange`. */
export interface KeptRangeHandlers {
  /** All changes of one revision, or the differences after a gap; called also for the first list. */
  onChange(changes: readonly KeptChange[], revision: number): void
  /** `isStale` has changed. Not called when the range is closed. */
  onStale?(): void
}

/**
 * The contents of a range, complete at each revision: listed, watched from there, and listed again when history is
 * missing or another store answers.
 */
export class KeptRange implements Ending {
  readonly #reflector: Reflector
  readonly #handlers: KeptRangeHandlers
  readonly #endings = new Set<(reason: Error) => void>()
  readonly #first = Promise.withResolvers<void>()
  #listing: KeptEntry[] = []
  #held = new Map<string, KeptEntry>()
  #isListed = false
  #isStale = true
  #end: Error | undefined

  constructor(client: EtcdClient, range: KeyRange, handlers: KeptRangeHandlers) {
    this.#handlers = handlers
    this.#first.promise.catch(() => undefined)
    this.#reflector = client.watch.reflect(
      { ranges: [range] },
      {
        onListing: () => {
          this.#listing = []
        },
        onPage: (_, page) => {
          for (const entry of page.entries()) this.#listing.push(entry)
        },
        onList: ({ revision }) => this.#onList(revision),
        onBatch: ({ revision, events }) => this.#onEvents(revision, events),
        onProgress: () => this.#setStale(false),
        onContact: () => this.#setStale(false),
        onLost: (error, isFinal) => this.#onLost(error, isFinal),
        onEnd: () =>
          this.#finish(new CoordinationError('closed', { what: 'the view or its client is closed' })),
      },
    )
  }

  /** True once the first list is complete. */
  get isListed(): boolean {
    return this.#isListed
  }

  /** The entries at `revision`, by key. */
  get entries(): Iterable<KeptEntry> {
    return this.#held.values()
  }

  get size(): number {
    return this.#held.size
  }

  /** Everything up to this revision is contained. */
  get revision(): number {
    return this.#reflector.revision
  }

  /** True while no member confirms that nothing is missing, and once it is closed. */
  get isStale(): boolean {
    return this.#isStale
  }

  /** The entry of a key; bytes are given as `latin1`. */
  get(name: string): KeptEntry | undefined {
    return this.#held.get(name)
  }

  /** Calls `run` once when it is closed, or cannot be read for good. Returns how to unsubscribe. */
  onEnd(run: (reason: Error) => void): () => void {
    if (this.#end === undefined) this.#endings.add(run)
    else run(this.#end)
    return () => void this.#endings.delete(run)
  }

  /**
   * Resolves when the first list is complete.
   *
   * @throws CoordinationError `cancelled`, `deadline_exceeded`, `closed`; EtcdError if the store refuses it for good
   */
  async opened(what: string, options: WaitOptions): Promise<void> {
    using wait = new CallerWait(what, options)
    try {
      await wait.race(this.#first.promise)
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** Resolves when everything that the store contained at the time of the call is contained. */
  async fresh(what: string, options: WaitOptions): Promise<void> {
    using wait = new CallerWait(what, options, this)
    await wait.race(this.#reflector.refresh({ signal: wait.signal }))
  }

  close(): void {
    this.#reflector.cancel()
  }

  #onList(revision: number): void {
    const before = this.#held
    const after = new Map(this.#listing.map((entry) => [nameOf(entry), entry]))
    this.#listing = []
    this.#held = after
    const changes: KeptChange[] = []
    for (const [name, previous] of before)
      if (!after.has(name)) changes.push({ previous, current: undefined })
    for (const [name, current] of after) {
      const previous = before.get(name)
      if (!isSame(previous, current)) changes.push({ previous, current })
    }
    this.#setStale(false)
    const isFirst = !this.#isListed
    this.#isListed = true
    if (changes.length > 0 || isFirst) this.#handlers.onChange(changes, revision)
    this.#first.resolve()
  }

  #onEvents(revision: number, events: readonly WatchEvent[]): void {
    const changes = events.map(({ type, kv }) => {
      const name = nameOf(kv)
      const previous = this.#held.get(name)
      // Copied, because what is kept for long must not retain the whole response.
      const current =
        type === 'put' ? { ...kv, key: Buffer.from(kv.key), value: Buffer.from(kv.value) } : undefined
      if (current === undefined) this.#held.delete(name)
      else this.#held.set(name, current)
      return { previous, current }
    })
    this.#setStale(false)
    this.#handlers.onChange(changes, revision)
  }

  #onLost(error: EtcdError | undefined, isFinal: boolean): void {
    this.#setStale(true)
    // A view that is open waits for the permission to return; one that is being opened reports it.
    if (this.#isListed || error === undefined || !isFinal || !isFinalError(error)) return
    this.#finish(error)
    this.#reflector.cancel()
  }

  #setStale(isStale: boolean): void {
    if (this.#isStale === isStale) return
    this.#isStale = isStale
    this.#handlers.onStale?.()
  }

  #finish(reason: Error): void {
    if (this.#end !== undefined) return
    this.#end = reason
    // Nothing confirms any more what is contained. That is no news for those who have closed it.
    this.#isStale = true
    this.#first.reject(reason)
    const endings = [...this.#endings]
    this.#endings.clear()
    for (const run of endings) run(reason)
  }
}

/** Every byte as one character, so that keys that are not UTF-8 stay apart. */
function nameOf({ key }: KeptEntry): string {
  return key.toString('latin1')
}

function isSame(a: KeptEntry | undefined, b: KeptEntry): boolean {
  return (
    a !== undefined &&
    a.modRevision === b.modRevision &&
    a.createRevision === b.createRevision &&
    a.value.equals(b.value)
  )
}
