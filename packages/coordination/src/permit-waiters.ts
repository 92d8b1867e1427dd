import type { EtcdClient, Logger } from '@livetree/etcd'
import type { Ending } from './caller-wait.ts'
import { isDirectChild } from './key-queue.ts'
import { KeptRange } from './kept-range.ts'
import { parseLimit } from './parse-limit.ts'

/** Where a semaphore is in the store. */
export interface PermitKeys {
  /** Prefix of all its keys. */
  readonly range: string
  readonly permits: string
  readonly limitKey: string
  readonly logger: Logger
}

/** One that waits for its turn; disposing it ends the wait. */
export interface PermitTurn extends Disposable, Ending {
  readonly promise: Promise<void>
}

interface Waiter {
  readonly key: string
  readonly token: number
  readonly turn: PromiseWithResolvers<void>
}

/**
 * The calls of this process that wait for a permit. They share one live copy of the permits, which exists while any of them
 * waits: a release costs each process one event, and no request.
 */
export class PermitWaiters {
  readonly #client: EtcdClient
  readonly #keys: PermitKeys
  readonly #waiters = new Set<Waiter>()
  #range: KeptRange | undefined
  /** The last valid one: a limit that is deleted, or made unreadable, changes nothing for those who wait. */
  #limit = 0
  #isWarned = false

  constructor(client: EtcdClient, keys: PermitKeys) {
    this.#client = client
    this.#keys = keys
  }

  /**
   * Waits until fewer keys than the limit were created before this one, at one revision. `limit` is the one at which the key
   * was created.
   */
  wait(key: string, token: number, limit: number): PermitTurn {
    if (this.#waiters.size === 0) this.#limit = limit
    const waiter = { key, token, turn: Promise.withResolvers<void>() }
    this.#waiters.add(waiter)
    const range = this.#open()
    this.#decide()
    return {
      promise: waiter.turn.promise,
      onEnd: (run) => range.onEnd(run),
      [Symbol.dispose]: () => this.#leave(waiter),
    }
  }

  #open(): KeptRange {
    this.#range ??= new KeptRange(
      this.#client,
      { prefix: this.#keys.range },
      { onChange: () => this.#decide() },
    )
    return this.#range
  }

  #leave(waiter: Waiter): void {
    waiter.turn.resolve()
    this.#waiters.delete(waiter)
    if (this.#waiters.size > 0) return
    this.#range?.close()
    this.#range = undefined
  }

  #decide(): void {
    const range = this.#range
    if (range?.isListed !== true) return
    this.#readLimit(range.get(Buffer.from(this.#keys.limitKey).toString('latin1'))?.value)
    const tokens = [...range.entries]
      .filter(({ key }) => isPermit(key.toString(), this.#keys.permits))
      .map(({ createRevision }) => createRevision)
      .sort((a, b) => a - b)
    for (const { token, turn } of this.#waiters) {
      // A key that is not there yet, or not any more, has no turn.
      const before = tokens.indexOf(token)
      if (before >= 0 && before < this.#limit) turn.resolve()
    }
  }

  #readLimit(stored: Buffer | undefined): void {
    const limit = parseLimit(stored?.toString())
    if (limit !== undefined) this.#limit = limit
    else if (!this.#isWarned)
      this.#keys.logger.warn('A semaphore has no valid limit', { key: this.#keys.limitKey })
    this.#isWarned = limit === undefined
  }
}

function isPermit(key: string, prefix: string): boolean {
  return key.startsWith(prefix) && isDirectChild(key, prefix)
}
