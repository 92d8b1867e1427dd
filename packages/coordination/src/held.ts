import {
  type CallControl,
  type Condition,
  EtcdError,
  type Ops,
  type ResultsOf,
  type Txn,
} from '@livetree/etcd'
import { CALL_CHECKS, CallerWait, WAIT_CHECKS, type WaitOptions } from './caller-wait.ts'
import { readOptions } from './check-argument.ts'
import { CoordinationError } from './errors.ts'
import type { OwnKey } from './own-key.ts'
import type { OpenSession } from './session.ts'
import { WriteFate } from './write-fate.ts'

/**
 * What somebody holds by a key of a session: a lock, a permit, a leadership, a job. No lock of a distributed system can
 * stop a holder that is paused, so everything it writes has to be refused once it lost what it holds: write through
 * `commit` or with `guard`, or have the other side refuse a lower `token` than it has seen. `await using` releases it.
 */
export interface Held extends AsyncDisposable {
  readonly key: string
  /**
   * The fencing token: the revision at which `key` was created. Those of successive holders rise. The revisions of a store
   * that is restored from a backup may be lower; its session is lost then.
   */
  readonly token: number
  /** False once it is lost or released. Reads the clock, so it is right also directly after a pause of the process. */
  readonly isHeld: boolean
  /**
   * Aborts once, when it may be lost or is released. The reason is a CoordinationError: `lock_lost`, `session_lost` or
   * `closed`.
   */
  readonly signal: AbortSignal
  /** A condition for any transaction of the same client: it fails once the key is gone or was created again. */
  readonly guard: Condition
  /**
   * Call it before a side effect. Reads clock and signal only.
   *
   * @throws CoordinationError the reason of `signal`
   */
  throwIfLost(): void
  /**
   * Asks the store, linearizably, whether it is still held.
   *
   * @throws CoordinationError `lock_lost`, `session_lost`, `closed`; EtcdError if the store cannot be asked
   */
  verify(options?: CallControl): Promise<void>
  /** A transaction with `guard` as its first condition, to be extended. */
  txn(): Txn
  /**
   * Writes in one transaction with `guard`: everything, or nothing.
   *
   * @throws CoordinationError `lock_lost`, and `closed` if this handle was released before or its session closed: nothing was
   * written; EtcdError `outcome_unknown` if the answer was lost, also because the client was closed: it may have been written;
   * EtcdError as `txn().commit()`
   */
  commit<T extends Ops>(...ops: T): Promise<ResultsOf<T>>
  /**
   * Aborts `signal`, then deletes the key and repeats that until it is confirmed, or until the session is over. Resolves
   * also if it was lost. Idempotent.
   *
   * @throws CoordinationError `deadline_exceeded`, `cancelled`: it is still being released; EtcdError if etcd refuses
   */
  release(options?: WaitOptions): Promise<void>
}

/** Holds a key of a session. */
export class HeldKey implements Held {
  readonly #own: OwnKey
  readonly #signal: AbortSignal

  /** `stop` asks the holder to stop although nothing is lost, such as for a hand-over. */
  constructor(own: OwnKey, stop?: AbortSignal) {
    this.#own = own
    this.#signal = stop === undefined ? own.signal : AbortSignal.any([own.signal, stop])
  }

  /** The key it is held by. */
  protected get own(): OwnKey {
    return this.#own
  }

  /** The session it hangs on. */
  get session(): OpenSession {
    return this.#own.session
  }

  get key(): string {
    return this.#own.key
  }

  get token(): number {
    return this.#own.token
  }

  get isHeld(): boolean {
    return !this.#own.signal.aborted && !this.#own.session.isLost
  }

  get signal(): AbortSignal {
    return this.#signal
  }

  get guard(): Condition {
    return this.#own.guard
  }

  throwIfLost(): void {
    this.#own.signal.throwIfAborted()
    this.#own.session.assertOpen()
  }

  async verify(options?: CallControl): Promise<void> {
    const given = readOptions('verify', CALL_CHECKS, options)
    this.throwIfLost()
    const { client, control } = this.#own.session
    try {
      const found = await client.kv.get(this.key, { ...given, ...control })
      if (found?.createRevision !== this.token) await this.#own.foundGone()
    } catch (error) {
      await this.#own.session.noteUserError(error)
      this.#own.signal.throwIfAborted()
      throw error
    }
    this.throwIfLost()
  }

  txn(): Txn {
    return this.#own.session.client.kv.txn().if(this.guard)
  }

  async commit<T extends Ops>(...ops: T): Promise<ResultsOf<T>> {
    if (!this.isHeld) throw this.#lost()
    const fate = new WriteFate(`the commit under ${this.key}`)
    try {
      const result = await this.txn()
        .then(...ops)
        .commit(this.#own.session.control)
      if (result.succeeded) return result.results as ResultsOf<T>
    } catch (error) {
      fate.onError(error)
      await this.#own.session.noteUserError(error)
      // A lease that was not found is the only error of a lost session of which it is known that nothing was written.
      const isRefused = error instanceof EtcdError && error.code === 'lease_not_found'
      if (isRefused && !this.isHeld) throw this.#lost()
      return fate.refuse(error)
    }
    await this.#own.foundGone()
    throw this.#lost()
  }

  async release(options?: WaitOptions): Promise<void> {
    const what = `the release of ${this.key}`
    const goesOn = 'It is still being released: release it again to wait for that.'
    const remedies = { cancelled: goesOn, deadline_exceeded: goesOn }
    const given = readOptions(what, WAIT_CHECKS, options)
    const removing = this.#own.remove(new CoordinationError('closed', { what: `${this.key} was released` }))
    removing.catch(() => undefined)
    using wait = new CallerWait({ what, remedies }, given)
    await wait.race(removing)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release()
  }

  #lost(): CoordinationError {
    const reason: unknown = this.#own.ending
    if (reason instanceof CoordinationError && reason.code !== 'session_lost') return reason
    const what = `${this.key} is not held any more, and nothing was written`
    return new CoordinationError('lock_lost', { what, cause: reason })
  }
}
