import {
  type Clock,
  type EtcdClient,
  EtcdError,
  isFinalError,
  type Lease,
  type Reflector,
} from '@livetree/etcd'
import { monotonicNow } from '../clock.ts'
import type { Reports } from '../reports.ts'
import { pause, within } from '../wait.ts'
import { backoffMs } from './backoff.ts'
import { deleteUnder } from './delete-under.ts'
import { OwnLease } from './own-lease.ts'
import { type SeenKey, watchOwnKey } from './own-key-watch.ts'

/** What a `KeyKeeper` needs. */
export interface KeyKeeperOptions {
  readonly client: EtcdClient
  readonly key: string
  readonly ttlSeconds: number
  readonly clock: Clock
  readonly reports: Reports
  /** Called after each change of `state`. */
  readonly onState: () => void
}

/** A value that is in the store, as this process wrote it. */
interface Kept {
  readonly value: string
  readonly lease: Lease
  readonly revision: number
  /** When the store had it for sure, in ms of the monotonic clock. */
  readonly since: number
}

/** Whether the key is where it should be. */
export type KeyState = 'absent' | 'writing' | 'kept' | 'lost' | 'closed'

/** Longest time for one call, so that an attempt on a dead connection does not hold up the next one. */
const CALL_MS = 5_000
/** How long `close` waits for the revocation of the lease. */
const CLOSE_MS = 1_000
/** How many earlier leases are remembered. */
const MOST_LEASES = 7
/** How often each key may be put back at once; more often, it is put back with the back-off. */
const QUICK_PUTS = 3
const QUICK_PUTS_MS = 10_000

/**
 * Keeps one key with a value under a lease of its own: for ever, after a lost lease, a deletion and an overwriting by
 * somebody else, a restored store and an outage of any length. One loop is the only writer of the key.
 */
export class KeyKeeper {
  readonly #options: KeyKeeperOptions
  #wanted: string | undefined
  /** What is written before the key is deleted, so that readers know that it is meant. */
  #farewell: string | undefined
  #kept: Kept | undefined
  readonly #lease: OwnLease
  /**
   * The leases under which the store may hold the key. A lease that is lost here may live on there: a leader that was away
   * gives every lease its whole time again.
   */
  #writtenUnder: readonly bigint[] = []
  #watch: Reflector | undefined
  #state: KeyState = 'absent'
  #lastError: unknown
  #isWanted = new AbortController()
  #isRunning = false
  #closing: Promise<void> = Promise.resolve()
  readonly #waiting = new Set<() => void>()
  /** The newest state of the key that the watch has delivered. */
  #seen: SeenKey | undefined
  /** When the key was put back lately, in ms of the monotonic clock. */
  #putBackAt: number[] = []
  /** How long the loop waits before it writes. */
  #delayMs = 0

  constructor(options: KeyKeeperOptions) {
    this.#options = options
    const { client, ttlSeconds, clock } = options
    const onLost = (reason: unknown) => this.#loseLease(reason)
    this.#lease = new OwnLease({ client, ttlSeconds, clock, timeoutMs: CALL_MS, onLost })
  }

  get state(): KeyState {
    return this.#state
  }

  /** The error of the last attempt; undefined after one that succeeded. */
  get lastError(): unknown {
    return this.#lastError
  }

  get lease(): bigint | undefined {
    return this.#kept?.lease.id
  }

  /** Sets the value that is to be in the store; the loop writes it. */
  want(value: string): void {
    if (this.#state === 'closed') return
    this.#wanted = value
    this.#wake()
  }

  /** The key is to be deleted; `farewell` is written first. The lease is revoked, which makes sure of it. */
  unwant(farewell: string): void {
    this.#wanted = undefined
    this.#farewell = farewell
    if (this.#state !== 'closed') this.#wake()
  }

  /** True if the store holds exactly what is wanted, as far as this process has seen. */
  get isSettled(): boolean {
    if (this.#state === 'closed') return true
    return this.#wanted === undefined ? this.#isGone : this.#isKept(this.#wanted)
  }

  /** Resolves when `isSettled`, when an attempt has failed, or when the keeper is closed. */
  async settledOrFailed(): Promise<void> {
    if (!this.isSettled) await new Promise<void>((resolve) => this.#waiting.add(resolve))
  }

  /**
   * Ends the loop and revokes the lease, which takes the key out of the store; if that fails, the key stays until the lease
   * expires. Resolves when the revocation has ended, at most after a second. Never rejects. Idempotent.
   */
  close(): Promise<void> {
    if (this.#state === 'closed') return this.#closing
    this.#watch?.cancel()
    this.#wanted = undefined
    this.#become('closed')
    this.#isWanted.abort()
    this.#closing = within(this.#options.clock, CLOSE_MS, this.#lease.leave()).then(() => undefined)
    this.#answer()
    return this.#closing
  }

  get #isGone(): boolean {
    return this.#kept === undefined && this.#lease.isNone && this.#writtenUnder.length === 0
  }

  #isKept(value: string): boolean {
    const kept = this.#kept
    return kept !== undefined && kept.value === value && !kept.lease.isLost
  }

  /** Interrupts the pause or the call of the loop, so that it begins again. */
  #wake(): void {
    this.#isWanted.abort()
    this.#isWanted = new AbortController()
    if (!this.#isRunning) void this.#run()
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    const { clock } = this.#options
    for (let failures = 0; this.#state !== 'closed' && !this.isSettled; ) {
      const { signal } = this.#isWanted
      try {
        if (this.#wanted === undefined) await this.#withdraw(signal)
        else await this.#write(this.#wanted, signal)
        failures = 0
        this.#lastError = undefined
        if (this.isSettled) this.#answer()
      } catch (error) {
        if (signal.aborted) continue
        failures += 1
        this.#fail(error)
        await pause(clock, backoffMs(failures), this.#isWanted.signal)
      }
    }
    this.#isRunning = false
  }

  async #write(value: string, signal: AbortSignal): Promise<void> {
    const { client, key, clock } = this.#options
    if (this.#state !== 'lost') this.#become('writing')
    await pause(clock, this.#delayMs, signal)
    this.#delayMs = 0
    // Until the answer is there, nobody can say whether what the watch delivers is older or newer than this write.
    this.#kept = undefined
    const lease = await this.#lease.take(signal)
    this.#writtenUnder = [...this.#writtenUnder.filter((id) => id !== lease.id).slice(-MOST_LEASES), lease.id]
    const { header } = await client.kv.put(key, value, { lease: lease.id, signal, timeoutMs: CALL_MS })
    // A put whose answer came after the end of the lease may have been undone by it.
    if (lease.isLost) throw new EtcdError('lease_lost', { call: 'KV/Put' })
    this.#writtenUnder = [lease.id]
    this.#kept = { value, lease, revision: header.revision, since: monotonicNow(clock) }
    this.#watch ??= watchOwnKey(this.#options, key, (seen) => this.#see(seen))
    this.#become('kept')
    if (this.#seen !== undefined) this.#compare(this.#seen)
  }

  #loseLease(reason: unknown): void {
    this.#kept = undefined
    if (reason instanceof EtcdError && reason.code === 'closed') {
      void this.close()
      return
    }
    if (this.#wanted === undefined || this.#state === 'closed') return
    this.#become('lost')
    this.#delayMs = backoffMs(0)
    this.#options.reports.warn(`The lease of ${this.#options.key} was lost; it is registered again`, {
      error: reason,
    })
    this.#wake()
  }

  #see(seen: SeenKey): void {
    this.#seen = seen
    this.#compare(seen)
  }

  /** Puts the key back if the store holds something else than what this process wrote last. */
  #compare({ revision, listedSince = -Infinity, value, lease }: SeenKey): void {
    const kept = this.#kept
    if (kept === undefined || this.#wanted === undefined) return
    if (revision <= kept.revision && listedSince < kept.since) return
    if (value === kept.value && lease === kept.lease.id) return
    this.#kept = undefined
    const what = value === undefined ? 'deleted' : 'overwritten'
    this.#options.reports.warn(
      `The key ${this.#options.key} was ${what} by somebody else; it is written again`,
    )
    this.#delayMs = this.#delayOfPuttingBack()
    this.#become('lost')
    this.#wake()
  }

  /**
   * Takes the key out of the store, only where it stands under an own lease: it is deleted, and the lease is revoked. Each
   * is tried whatever became of the others, since either is enough.
   */
  async #withdraw(signal: AbortSignal): Promise<void> {
    this.#watch?.cancel()
    this.#watch = undefined
    this.#seen = undefined
    // Until the answer is there, nobody can say what the store holds: a value that is wanted again is written again.
    this.#kept = undefined
    const failures: unknown[] = []
    for (const lease of this.#writtenUnder) {
      try {
        await deleteUnder(this.#options, { lease, farewell: this.#farewell, timeoutMs: CALL_MS, signal })
        this.#forgetWritten([lease])
      } catch (error) {
        failures.push(error)
      }
      signal.throwIfAborted()
    }
    try {
      this.#forgetWritten(await this.#lease.revoke())
    } catch (error) {
      failures.push(error)
    }
    if (failures.length > 0 && !this.#isGone) throw failures[0]
    this.#become('absent')
  }

  #forgetWritten(leases: readonly (bigint | undefined)[]): void {
    this.#writtenUnder = this.#writtenUnder.filter((id) => !leases.includes(id))
  }

  #fail(error: unknown): void {
    this.#lastError = error
    if (error instanceof EtcdError && error.code === 'closed') {
      void this.close()
      return
    }
    if (error instanceof EtcdError && error.code === 'lease_not_found') {
      this.#forgetWritten([this.#lease.forget()])
      this.#kept = undefined
    }
    const how = isFinalError(error) ? ' and will fail until somebody changes something' : ''
    const what = this.#wanted === undefined ? 'deleted' : 'written'
    this.#options.reports.warn(`The key ${this.#options.key} could not be ${what}${how}`, { error })
    this.#answer()
  }

  /** Two processes that overwrite each other must not do it as fast as they can. */
  #delayOfPuttingBack(): number {
    const now = monotonicNow(this.#options.clock)
    this.#putBackAt = [...this.#putBackAt.filter((at) => now - at < QUICK_PUTS_MS), now]
    const excess = this.#putBackAt.length - QUICK_PUTS
    return excess <= 0 ? 0 : backoffMs(excess)
  }

  #become(state: KeyState): void {
    if (this.#state === state) return
    this.#state = state
    this.#options.onState()
  }

  #answer(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }
}
