import { type CallControl, compare, type Entry, op, type RangeResult } from '@livetree/etcd'
import { CallerWait } from './caller-wait.ts'
import { checkArgument, checkName, type OptionChecks, readOptions, refuse } from './check-argument.ts'
import { ACQUIRE_CHECKS, type AcquireOptions, leave } from './contend.ts'
import { type Contender, listContenders } from './contenders.ts'
import { CoordinationError } from './errors.ts'
import { type Held, HeldKey } from './held.ts'
import { isDirectChild } from './key-queue.ts'
import { OwnKey } from './own-key.ts'
import { LIMIT, parseLimit } from './parse-limit.ts'
import { PermitWaiters } from './permit-waiters.ts'
import { sendAgain } from './send-again.ts'
import { type OpenSession, openedSession } from './session.ts'
import type { Session } from './session-contract.ts'

/** Options of `createSemaphore`. */
export interface SemaphoreOptions {
  /**
   * How many may hold a permit at once. Stored by the first `acquire`, and compared then with what is stored. Default: the
   * stored one.
   */
  readonly limit?: number
}

const SEMAPHORE_CHECKS: OptionChecks<SemaphoreOptions> = { limit: LIMIT }

/** One of the permits of a semaphore. Its token fences its own expired place only, not the other permits. */
export interface Permit extends Held {}

/** Gives at most `limit` permits at a time, in the order of arrival over all processes. */
export interface Semaphore {
  readonly name: string
  /**
   * Waits for a permit. Fails like `Mutex.acquire`.
   *
   * @throws CoordinationError also `limit_mismatch` if another limit is stored than the one given
   */
  acquire(options?: AcquireOptions): Promise<Permit>
  /** Returns a permit if one is free; otherwise `undefined`, without waiting. Fails like `acquire`. */
  tryAcquire(options?: AcquireOptions): Promise<Permit | undefined>
  /** Changes the stored limit for all: more permits are given at once, fewer take back nothing. */
  setLimit(limit: number): Promise<void>
  /** The stored limit; `undefined` if there is none yet. */
  limit(options?: CallControl): Promise<number | undefined>
  /** Lists those who hold a permit and those who wait, in order. */
  contenders(options?: CallControl): Promise<readonly Contender[]>
}

/**
 * Creates a semaphore. It makes no I/O before the first call.
 *
 * @throws CoordinationError `invalid_argument`
 */
export function createSemaphore(session: Session, name: string, options?: SemaphoreOptions): Semaphore {
  checkName(name)
  const given = readOptions('createSemaphore', SEMAPHORE_CHECKS, options)
  return new KeySemaphore(openedSession(session), name, given.limit)
}

class KeySemaphore implements Semaphore {
  readonly name: string
  readonly #session: OpenSession
  readonly #given: number | undefined
  readonly #permits: string
  readonly #limitKey: string
  readonly #waiters: PermitWaiters
  #isConfirmed = false

  constructor(session: OpenSession, name: string, limit: number | undefined) {
    this.name = name
    this.#session = session
    this.#given = limit
    this.#permits = `${name}/permits/`
    this.#limitKey = `${name}/limit`
    this.#waiters = new PermitWaiters(session.client, {
      range: `${name}/`,
      permits: this.#permits,
      limitKey: this.#limitKey,
      logger: session.logger,
    })
  }

  async acquire(options?: AcquireOptions): Promise<Permit> {
    const given = readOptions('acquire', ACQUIRE_CHECKS, options)
    return this.#take(given, async (own, wait) => {
      using turn = this.#waiters.wait(own.key, own.token)
      wait.endWith(turn)
      await wait.race(turn.promise)
      return true
    }) as Promise<Permit>
  }

  tryAcquire(options?: AcquireOptions): Promise<Permit | undefined> {
    const given = readOptions('tryAcquire', ACQUIRE_CHECKS, options)
    return this.#take(given, async () => false)
  }

  async setLimit(limit: number): Promise<void> {
    checkArgument('the limit', LIMIT, limit)
    const { client, control, signal } = this.#session
    this.#session.assertOpen()
    for (;;) {
      const stored = await sendAgain(() => client.kv.get(this.#limitKey, control), {
        signal,
      })
      if (stored?.text === String(limit)) break
      // Guarded, so that a request that is applied late cannot undo a later change.
      const isSame = compare.modRevision(this.#limitKey, '=', stored?.modRevision ?? 0)
      const txn = client.kv
        .txn()
        .if(isSame)
        .then(op.put(this.#limitKey, String(limit)))
      await sendAgain(() => txn.commit(control), { signal })
    }
    this.#isConfirmed = true
  }

  async limit(options?: CallControl): Promise<number | undefined> {
    return parseLimit((await this.#session.client.kv.get(this.#limitKey, options))?.text)
  }

  contenders(options?: CallControl): Promise<readonly Contender[]> {
    return listContenders(this.#session, this.#permits, options)
  }

  /** Puts a key and returns the permit: at once if one is free, or if `wait` returns true. */
  async #take(
    options: AcquireOptions,
    waitForIt: (own: OwnKey, wait: CallerWait) => Promise<boolean>,
  ): Promise<Permit | undefined> {
    const session = this.#session
    session.assertOpen()
    const { value = '' } = options
    const own = new OwnKey(session, { key: session.names.take(this.#permits), value, canReattach: true })
    using wait = new CallerWait(`acquiring a permit of ${this.name}`, options, own)
    try {
      wait.signal.throwIfAborted()
      if (!this.#isConfirmed) await wait.race(this.#confirmLimit())
      const reads = [
        op.getRange({ prefix: this.#permits, keysOnly: true }),
        op.getRange({ key: this.#limitKey }),
      ]
      const created = await wait.race(own.create(reads))
      const isFree = this.#hasTurn(own, created.reads) || (await waitForIt(own, wait))
      if (!isFree) {
        own.remove(new Error('no permit is free')).catch(() => undefined)
        return undefined
      }
      own.signal.throwIfAborted()
      session.assertOpen()
      return new HeldKey(own)
    } catch (error) {
      throw await leave(own, error)
    }
  }

  /** True if at the revision of the reads fewer than the limit were before. */
  #hasTurn(own: OwnKey, [permits, limit]: readonly RangeResult[]): boolean {
    const isBefore = ({ key, createRevision }: Entry): boolean =>
      createRevision < own.token && isDirectChild(key, this.#permits)
    const before = permits?.entries.filter(isBefore).length ?? 0
    return before < (parseLimit(limit?.entries[0]?.text) ?? 0)
  }

  async #confirmLimit(): Promise<void> {
    const { client, control, signal } = this.#session
    const given = this.#given
    const put = given === undefined ? [] : [op.put(this.#limitKey, String(given))]
    const txn = client.kv
      .txn()
      .if(compare.isAbsent(this.#limitKey))
      .then(...put)
      .else(op.get(this.#limitKey))
    const onError = (error: unknown): void => this.#session.noteError(error)
    const result = await sendAgain(() => txn.commit(control), { signal, onError })
    if (result.succeeded && given === undefined)
      throw refuse(`the semaphore ${this.name} has no limit yet, and none was given`)
    const stored = result.succeeded ? given : parseLimit(result.results[0]?.text)
    if (stored === undefined)
      throw new CoordinationError('limit_mismatch', { what: `${this.#limitKey} holds no number from 1 on` })
    if (given !== undefined && stored !== given) {
      const what = `the semaphore ${this.name} has the limit ${stored} in the store, and ${given} was given`
      throw new CoordinationError('limit_mismatch', { what })
    }
    this.#isConfirmed = true
  }
}
