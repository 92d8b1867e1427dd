import type { CallControl } from '@livetree/etcd'
import { checkName } from './check-argument.ts'
import type { AcquireOptions } from './contend.ts'
import type { Contender } from './contenders.ts'
import { queueOf } from './key-queue.ts'
import type { Lock } from './mutex.ts'
import { QueueLock, runHolding } from './queue-lock.ts'
import { openedSession } from './session.ts'
import type { Session } from './session-contract.ts'

/** One side of a read/write lock. */
export interface LockSide {
  /** Waits for its turn. Fails like `Mutex.acquire`. */
  acquire(options?: AcquireOptions): Promise<Lock>
  /** Returns the lock if nobody is in the way; otherwise `undefined`, at once. Fails like `acquire`. */
  tryAcquire(options?: AcquireOptions): Promise<Lock | undefined>
  /** Acquires the lock, calls `run` and releases the lock when its promise settles. Fails like `Mutex.runExclusive`. */
  run<R>(run: (lock: Lock) => R | Promise<R>, options?: AcquireOptions): Promise<R>
  /** Lists those who hold this side or wait for it, in order. */
  contenders(options?: CallControl): Promise<readonly Contender[]>
}

/**
 * A lock that any number of readers or one writer holds. It is fair: a waiting writer holds back the readers that arrive
 * after it. There is no upgrade and no downgrade: release the one, then acquire the other, and read again what may have
 * changed in between. Its keys are those of Go's recipe `RWMutex`.
 */
export interface ReadWriteLock {
  readonly name: string
  readonly read: LockSide
  readonly write: LockSide
}

/**
 * Creates a read/write lock. It makes no I/O before the first call.
 *
 * @throws CoordinationError `invalid_argument`
 */
export function createReadWriteLock(session: Session, name: string): ReadWriteLock {
  checkName(name)
  const owner = openedSession(session)
  const [readers, writers] = [`${name}/read/`, `${name}/write/`]
  // Go orders these keys by their last modification, so they are never written twice.
  const side = (what: string, prefix: string, blockers: readonly string[]): LockSide =>
    new KeySide(
      owner,
      queueOf(owner, {
        what: `${what} ${name}`,
        listing: 'contenders',
        prefix,
        blockers,
        canReattach: false,
      }),
    )
  return {
    name,
    read: side('acquiring for reading', readers, [writers]),
    write: side('acquiring for writing', writers, [readers, writers]),
  }
}

class KeySide extends QueueLock implements LockSide {
  run<R>(run: (lock: Lock) => R | Promise<R>, options?: AcquireOptions): Promise<R> {
    return runHolding(this, run, options)
  }
}
