import { MILLISECONDS, type OptionChecks, readOptions, SIGNAL, whole } from '../check-argument.ts'
import type { Clock } from '../clock.ts'
import { EtcdError } from '../errors.ts'
import type { Bytes } from '../bytes.ts'
import type { KeyRange } from '../key-range-form.ts'
import type { Namespace } from '../key-range.ts'
import type { Channel } from '../transport/transport.ts'
import type { WatchBatch } from '../watch/watch-handlers.ts'
import type { WatchService } from '../watch/watch-contract.ts'
import { type AppendOptions, type AppendResult, appendKey } from './append.ts'
import type { Entry } from './entry.ts'
import {
  createKey,
  type ConditionalOptions,
  type CompareAndSwapOptions,
  compareAndSwapKey,
  updateKey,
} from './conditional-write.ts'
import type { KvService } from './kv-contract.ts'
import { ChannelKv } from './kv-service.ts'
import type { PutResult } from './operation.ts'
import { putWithTtl, type TtlOptions, type TtlPorts, type TtlPutResult } from './put-with-ttl.ts'
import { type CallControl, CONTROL_CHECKS, RANGE_CHECKS, type RangeParts, readQuery } from './range-query.ts'

/** Options of `nextChange`. */
export interface NextChangeOptions {
  /**
   * Return any change after this revision, including past ones: pass that of your last read or write to miss none.
   * Default: only what is written after a server has created the watch, a round trip or more after the call.
   */
  readonly afterRevision?: number
  /** Fail with `deadline_exceeded` after this many milliseconds. Default: never. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** Common tasks in one call each, built from transactions, leases and watches. */
export interface KvShortcuts {
  /**
   * Writes a key that must not exist yet.
   *
   * @throws EtcdError `key_exists`, `outcome_unknown`
   */
  create(key: Bytes, value: Bytes, options?: ConditionalOptions): Promise<PutResult>
  /**
   * Writes a key that must exist.
   *
   * @throws EtcdError `key_not_found`, `outcome_unknown`
   */
  update(key: Bytes, value: Bytes, options?: ConditionalOptions): Promise<PutResult>
  /**
   * Writes a key if it still has the expected value, or was last written at the expected revision.
   *
   * @throws EtcdError `compare_failed`, `outcome_unknown`
   */
  compareAndSwap(key: Bytes, value: Bytes, options: CompareAndSwapOptions): Promise<PutResult>
  /**
   * Writes a key with a lease of its own, so that it is deleted when the lease expires.
   *
   * @throws EtcdError `outcome_unknown`
   */
  putWithTtl(key: Bytes, value: Bytes, options: TtlOptions): Promise<TtlPutResult>
  /**
   * Adds an entry under a prefix, with a key that sorts after all that were appended there before. A key that was written
   * under the prefix in another way may sort before or after it.
   *
   * @throws EtcdError `outcome_unknown`
   */
  append(prefix: Bytes, value: Bytes, options?: AppendOptions): Promise<AppendResult>
  /**
   * Deletes a key and returns its last entry; `undefined` if it did not exist.
   *
   * @throws EtcdError `outcome_unknown`
   */
  pop(key: Bytes, options?: CallControl): Promise<Entry | undefined>
  /**
   * Waits for the next change in a range and returns all changes of its revision. See `afterRevision`.
   *
   * @throws EtcdError `deadline_exceeded`, `cancelled`, `closed`, `compacted`
   */
  nextChange(query: KeyRange & NextChangeOptions): Promise<WatchBatch>
}

/** Everything that `client.kv` offers. */
export interface Kv extends KvService, KvShortcuts {}

/** What `createKv` needs. */
export interface KvParts {
  readonly channel: Channel
  readonly watch: WatchService
  readonly namespace: Namespace
  readonly maxTxnOps: number
  readonly clock: Clock
  /** Time limit of calls without a `timeoutMs`, in milliseconds. Default 10,000. */
  readonly callTimeoutMs?: number
}

/** The service with a `close` for the client. */
export interface ClosableKv extends Kv {
  /** Cancels `putWithTtl` calls in progress and revokes their leases; waits for that at most one second. */
  close(): Promise<void>
}

/** Creates the key-value service with all shortcuts. It makes no I/O before the first call. */
export function createKv(parts: KvParts): ClosableKv {
  return new FullKv(parts)
}

const CHANGE_CHECKS: OptionChecks<RangeParts & NextChangeOptions> = {
  ...RANGE_CHECKS,
  afterRevision: whole(0),
  timeoutMs: MILLISECONDS,
  signal: SIGNAL,
}

const CLOSE_MS = 1_000

class FullKv extends ChannelKv implements ClosableKv {
  readonly #parts: KvParts
  readonly #unfinished = new Set<Promise<unknown>>()

  constructor(parts: KvParts) {
    super(parts.channel, parts)
    this.#parts = parts
  }

  async create(key: Bytes, value: Bytes, options?: ConditionalOptions): Promise<PutResult> {
    return createKey(this.#ports, key, value, options)
  }

  async update(key: Bytes, value: Bytes, options?: ConditionalOptions): Promise<PutResult> {
    return updateKey(this.#ports, key, value, options)
  }

  async compareAndSwap(key: Bytes, value: Bytes, options: CompareAndSwapOptions): Promise<PutResult> {
    return compareAndSwapKey(this.#ports, key, value, options)
  }

  async putWithTtl(key: Bytes, value: Bytes, options: TtlOptions): Promise<TtlPutResult> {
    const putting = putWithTtl(this.#ports, key, value, options)
    this.#finishLater(putting)
    return putting
  }

  async append(prefix: Bytes, value: Bytes, options?: AppendOptions): Promise<AppendResult> {
    return appendKey(this.#ports, prefix, value, options)
  }

  async pop(key: Bytes, options?: CallControl): Promise<Entry | undefined> {
    const { previous } = await this.delete(key, {
      ...readOptions('KV/DeleteRange', CONTROL_CHECKS, options),
      prevKv: true,
    })
    return previous[0]
  }

  async nextChange(query: KeyRange & NextChangeOptions): Promise<WatchBatch> {
    return waitForChange(this.#parts, readQuery('Watch/Watch', CHANGE_CHECKS, query))
  }

  async close(): Promise<void> {
    this.closing.abort()
    const { clock } = this.#parts
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = clock.setTimeout(resolve, CLOSE_MS)
    const finish = async () => {
      while (this.#unfinished.size > 0) await Promise.allSettled(this.#unfinished)
    }
    await Promise.race([finish(), late])
    clock.clearTimeout(timer)
  }

  get #ports(): TtlPorts {
    return {
      kv: this,
      channel: this.#parts.channel,
      clock: this.#parts.clock,
      closing: this.closing.signal,
      deadline: (call, control) => this.deadline(call, control),
      clusterId: this.#parts.channel.clusterId,
      finishLater: (work) => this.#finishLater(work),
    }
  }

  #finishLater(work: Promise<unknown>): void {
    this.#unfinished.add(work)
    const forget = () => this.#unfinished.delete(work)
    work.then(forget, forget)
  }
}

function waitForChange(
  { watch, clock }: KvParts,
  { afterRevision, timeoutMs, signal, ...range }: KeyRange & NextChangeOptions,
): Promise<WatchBatch> {
  // Exceptions in here reject the promise, which is returned to the caller.
  return new Promise((resolve, reject) => {
    const failure = (code: 'cancelled' | 'deadline_exceeded' | 'closed', what?: string): EtcdError =>
      new EtcdError(code, { call: 'Watch/Watch', what, cause: signal?.reason })
    if (signal?.aborted) throw failure('cancelled')
    let timer: unknown
    const watcher = watch.subscribe(
      range,
      {
        onEvents(batch) {
          resolve(batch)
          watcher.cancel()
        },
        onEnd(error) {
          clock.clearTimeout(timer)
          reject(error ?? failure(signal?.aborted ? 'cancelled' : 'closed'))
        },
      },
      {
        ...(afterRevision === undefined ? {} : { afterRevision }),
        ...(signal === undefined ? {} : { signal }),
      },
    )
    if (timeoutMs === undefined || watcher.state === 'ended') return
    const onLate = () => {
      reject(failure('deadline_exceeded', `no change within ${timeoutMs} ms`))
      watcher.cancel()
    }
    timer = clock.setTimeout(onLate, timeoutMs)
  })
}
