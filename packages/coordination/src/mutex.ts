import type { CallControl, EtcdClient } from '@livetree/etcd'
import { CallerWait, type WaitOptions } from './caller-wait.ts'
import { checkName, type OptionChecks, readOptions } from './check-argument.ts'
import { ACQUIRE_CHECKS, type AcquireOptions, contend, listedBy } from './contend.ts'
import type { Contender } from './contenders.ts'
import { CoordinationError } from './errors.ts'
import { type Held, HeldKey } from './held.ts'
import { type KeyQueue, queueOf } from './key-queue.ts'
import { QueueLock, runHolding } from './queue-lock.ts'
import { type OpenSession, openedSession, openSession, SESSION_CHECKS } from './session.ts'
import type { Session, SessionOptions } from './session-contract.ts'

/** A lock that is held. */
export interface Lock extends Held {}

/**
 * A lock that at most one contender holds at a time, given in the order of arrival over all processes and languages:
 * its keys are those of Go's `concurrency.Mutex` and of `etcdctl lock`. Not re-entrant: a second `acquire` waits, also in
 * the same task.
 */
export interface Mutex {
  readonly name: string
  /**
   * Waits for its turn.
   *
   * @throws CoordinationError `cancelled`, `deadline_exceeded`, `session_lost`, `closed`; `lock_lost` if somebody deleted
   * the key of this contender; EtcdError if etcd refuses, e.g. `permission_denied`
   */
  acquire(options?: AcquireOptions): Promise<Lock>
  /** Returns the lock if nobody holds it or waits for it; otherwise `undefined`, at once. Fails like `acquire`. */
  tryAcquire(options?: AcquireOptions): Promise<Lock | undefined>
  /**
   * Acquires the lock, calls `run` and releases the lock when its promise settles. `run` is not stopped when the lock is
   * lost: it reads `lock.signal`.
   *
   * @throws what `run` throws, and as `acquire`
   */
  runExclusive<R>(run: (lock: Lock) => R | Promise<R>, options?: AcquireOptions): Promise<R>
  /** Lists the holder and those who wait, in order. */
  contenders(options?: CallControl): Promise<readonly Contender[]>
}

/**
 * Creates a lock. It makes no I/O before the first call.
 *
 * @throws CoordinationError `invalid_argument`
 */
export function createMutex(session: Session, name: string): Mutex {
  checkName(name)
  return new KeyMutex(openedSession(session), name)
}

/** The method that lists the contenders. */
const LISTING = 'contenders'

/** All keys directly below `<name>/`, as in Go. */
export function mutexQueue(session: OpenSession, name: string): KeyQueue {
  const prefix = `${name}/`
  const what = `acquiring ${name}`
  return queueOf(session, { what, listing: LISTING, prefix, blockers: [prefix], canReattach: true })
}

class KeyMutex extends QueueLock implements Mutex {
  readonly name: string

  constructor(session: OpenSession, name: string) {
    super(session, mutexQueue(session, name))
    this.name = name
  }

  runExclusive<R>(run: (lock: Lock) => R | Promise<R>, options?: AcquireOptions): Promise<R> {
    return runHolding(this, run, options)
  }
}

/** Options of `acquireLock`. */
export interface AcquireLockOptions extends AcquireOptions, Omit<SessionOptions, 'signal' | 'lease'> {}

const ACQUIRE_LOCK_CHECKS: OptionChecks<AcquireLockOptions> = {
  ...ACQUIRE_CHECKS,
  ttlSeconds: SESSION_CHECKS.ttlSeconds,
  marginMs: SESSION_CHECKS.marginMs,
  logger: SESSION_CHECKS.logger,
}

/**
 * Acquires a lock with a session of its own, which ends with the lock.
 *
 * @throws as `openSession` and `acquire`
 */
export async function acquireLock(
  client: EtcdClient,
  name: string,
  options?: AcquireLockOptions,
): Promise<Lock> {
  checkName(name)
  const { value = '', signal, timeoutMs, ...given } = readOptions('acquireLock', ACQUIRE_LOCK_CHECKS, options)
  const limits = {
    ...(signal === undefined ? {} : { signal }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  }
  using wait = new CallerWait({ what: `acquiring ${name}`, remedies: listedBy(LISTING) }, limits)
  const session = openedSession(await wait.race(openSession(client, { ...given, signal: wait.signal })))
  try {
    const queue = mutexQueue(session, name)
    return new SessionLock(await wait.race(contend(session, queue, { value })))
  } catch (error) {
    const closing = session.close()
    // A caller who has given up does not wait for etcd; what is left goes with the lease.
    if (!wait.signal.aborted) await closing
    throw error
  }
}

/** A lock whose session ends with it. */
class SessionLock extends HeldKey {
  override async release(options?: WaitOptions): Promise<void> {
    try {
      await super.release(options)
    } catch (error) {
      // Without its lease the key goes, too, at the latest after the TTL.
      if (!(error instanceof CoordinationError && error.code === 'invalid_argument'))
        void this.session.close()
      throw error
    }
    await this.session.close()
  }
}
