import type { CallControl } from '@livetree/etcd'
import { checkArgument, FUNCTION, readOptions } from './check-argument.ts'
import { ACQUIRE_CHECKS, type AcquireOptions, contend, tryContend } from './contend.ts'
import { type Contender, listContenders } from './contenders.ts'
import { type Held, HeldKey } from './held.ts'
import type { KeyQueue } from './key-queue.ts'
import type { OpenSession } from './session.ts'

/** A lock that is held by whoever has no key before its own in a queue. */
export class QueueLock {
  readonly #session: OpenSession
  readonly #queue: KeyQueue

  constructor(session: OpenSession, queue: KeyQueue) {
    this.#session = session
    this.#queue = queue
  }

  /** Waits for its turn. */
  async acquire(options?: AcquireOptions): Promise<Held> {
    const given = readOptions('acquire', ACQUIRE_CHECKS, options)
    return new HeldKey(await contend(this.#session, this.#queue, given))
  }

  /** Returns the lock if nobody is in the way; otherwise `undefined`, at once. */
  async tryAcquire(options?: AcquireOptions): Promise<Held | undefined> {
    const given = readOptions('tryAcquire', ACQUIRE_CHECKS, options)
    const own = await tryContend(this.#session, this.#queue, given)
    return own === undefined ? undefined : new HeldKey(own)
  }

  /** Lists those who hold the lock or wait for it, in order. */
  contenders(options?: CallControl): Promise<readonly Contender[]> {
    return listContenders(this.#session, this.#queue.prefix, options)
  }
}

/** Acquires the lock, calls `run` and releases the lock when its promise settles. */
export async function runHolding<R>(
  lock: QueueLock,
  run: (held: Held) => R | Promise<R>,
  options?: AcquireOptions,
): Promise<R> {
  checkArgument('run', FUNCTION, run)
  await using held = await lock.acquire(options)
  return await run(held)
}
