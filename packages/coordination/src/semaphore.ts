import { type CallControl, compare, type Entry, op, type RangeResult } from '@livetree/etcd'
import { CALL_CHECKS, CallerWait } from './caller-wait.ts'
import { checkArgument, checkName, type OptionChecks, readOptions, refuse } from './check-argument.ts'
import { ACQUIRE_CHECKS, type AcquireOptions, leave, listedBy } from './contend.ts'
import { type Contender, listContenders } from './contenders.ts'
import { CoordinationError } from './errors.ts'
import { type Held, HeldKey } from './held.ts'
import { isDirectChild } from './key-queue.ts'
import { lastValue } from './last-value.ts'
import { OwnKey } from './own-key.ts'
import { LIMIT, parseLimit } from './parse-limit.ts'
import { PermitWaiters } from './permit-waiters.ts'
import { sendAgain } from './send-again.ts'
import { type OpenSession, openedSession } from './session.ts'
import type { Session } from './session-contract.ts'
import { WriteFate } from './write-fate.ts'

/** Options of `createSemaphore`. */
export interface SemaphoreOptions {
  /**
   * How many may hold a permit at once. Stored by the first `acquire`, and compared then with what is stored; stored again
   * when it was deleted. Default: the stored one.
   */
  readonly limit?: number
}

const SEMAPHORE_CHECKS: OptionChecks<SemaphoreOptions> = { limit: LIMIT }

/** One of the permits of a semaphore. Its token fences its own expired place only, not the other permits. */
export interface Permit extends Held {}

/** A valid limit with the revision at which it was stored. */
interface KnownLimit {
  readonly limit: number
  readonly revision: number
}

/** The limit at the revision of the reads; undefined if there is no valid one. */
function limitIn([, limit]: readonly RangeResult[]): KnownLimit | undefined {
  return knownLimit(limit?.entries[0])
}

function knownLimit(entry: Entry | undefined): KnownLimit | undefined {
  const limit = parseLimit(entry?.text)
  return entry === undefined || limit === undefined ? undefined : { limit, revision: entry.modRevision }
}

/** Gives at most `limit` permits at a time, in the order of arrival over all processes. */
export interface Semaphore {
  readonly name: string
  /**
   * Waits for a permit. Fails like `Mutex.acquire`; the limit may have been stored all the same.
   *
   * @throws CoordinationError also `limit_mismatch` if another limit is stored than the one given, or no number;
   * `invalid_argument` if none is stored, none was given, and the history of the store shows none
   */
  acquire(options?: AcquireOptions): Promise<Permit>
  /** Returns a permit if one is free; otherwise `undefined`, without waiting. Fails like `acquire`. */
  tryAcquire(options?: AcquireOptions): Promise<Permit | undefined>
  /**
   * Changes the stored limit for all: more permits are given at once, fewer take back nothing. Repeated until it is answered.
   *
   * @throws CoordinationError `session_lost`, `closed`: it was not changed; EtcdError `outcome_unknown` if an answer was lost,
   * and then the session or the client ended: it may have been changed; EtcdError if etcd refuses
   */
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
  /** The limit to store if the store has none: the last known one; undefined if this object was given none. */
  #given: number | undefined
  /** The revision at which `#given` was stored; 0 before it is confirmed. */
  #givenAt = 0
  readonly #permits: string
  readonly #limitKey: string
  readonly #waiters: PermitWaiters

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
    return this.#take(given, async (own, limit, wait) => {
      using turn = this.#waiters.wait(own.key, own.token, limit)
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
    const fate = new WriteFate(`setting the limit of ${this.name}`, 'Set it again: that does no harm.')
    const { onError } = fate
    for (;;) {
      const reading = sendAgain(() => client.kv.get(this.#limitKey, control), { signal })
      const stored = await reading.catch(fate.refuse)
      if (stored?.text === String(limit)) return this.#learn({ limit, revision: stored.modRevision }, true)
      // Guarded, so that a request that is applied late cannot undo a later change.
      const isSame = compare.modRevision(this.#limitKey, '=', stored?.modRevision ?? 0)
      const txn = client.kv
        .txn()
        .if(isSame)
        .then(op.put(this.#limitKey, String(limit)))
      const sending = sendAgain(() => txn.commit(control), { signal, onError })
      const { succeeded, header } = await sending.catch(fate.refuse)
      if (succeeded) return this.#learn({ limit, revision: header.revision }, true)
    }
  }

  async limit(options?: CallControl): Promise<number | undefined> {
    const given = readOptions('limit', CALL_CHECKS, options)
    return parseLimit((await this.#session.client.kv.get(this.#limitKey, given))?.text)
  }

  contenders(options?: CallControl): Promise<readonly Contender[]> {
    return listContenders(this.#session, this.#permits, options)
  }

  /** Creates a key and returns the permit: at once if one is free, otherwise if `waitForIt` resolves with true. */
  async #take(
    options: AcquireOptions,
    waitForIt: (own: OwnKey, limit: number, wait: CallerWait) => Promise<boolean>,
  ): Promise<Permit | undefined> {
    const session = this.#session
    session.assertOpen()
    const { value = '' } = options
    const own = new OwnKey(session, { key: session.names.take(this.#permits), value, canReattach: true })
    const what = `acquiring a permit of ${this.name}`
    using wait = new CallerWait({ what, remedies: listedBy('contenders') }, options, own)
    try {
      wait.signal.throwIfAborted()
      if (this.#givenAt === 0) await this.#confirmLimit(own.key, wait.signal)
      const reads = [
        op.getRange({ prefix: this.#permits, keysOnly: true }),
        op.getRange({ key: this.#limitKey }),
      ]
      let seen = (await wait.race(own.create(reads))).reads
      let known = limitIn(seen)
      while (known === undefined) {
        await this.#confirmLimit(own.key, wait.signal)
        seen = (await wait.race(own.look(reads))).reads
        known = limitIn(seen)
      }
      this.#learn(known)
      const { limit } = known
      const isFree = this.#before(own, seen) < limit || (await waitForIt(own, limit, wait))
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

  /** How many were before at the revision of the reads. */
  #before(own: OwnKey, [permits]: readonly RangeResult[]): number {
    const isBefore = ({ key, createRevision }: Entry): boolean =>
      createRevision < own.token && isDirectChild(key, this.#permits)
    return permits?.entries.filter(isBefore).length ?? 0
  }

  /**
   * Stores the known limit if there is none, at first or after it was deleted. Compares it only once: it may be changed.
   * `ownKey` is that of the call, which ends by `signal`.
   */
  async #confirmLimit(ownKey: string, signal: AbortSignal): Promise<void> {
    const { client } = this.#session
    const control = { ...this.#session.control, signal }
    const onError = (error: unknown): void => this.#session.noteError(error)
    const known = await this.#lastKnown(ownKey, signal, onError)
    const puts = known === undefined ? [] : [op.put(this.#limitKey, String(known))]
    const txn = client.kv
      .txn()
      .if(compare.isAbsent(this.#limitKey))
      .then(...puts)
      .else(op.get(this.#limitKey))
    const result = await sendAgain(() => txn.commit(control), { signal, onError })
    if (result.succeeded && known === undefined)
      throw refuse(`the semaphore ${this.name} has no limit in the store, and none was given`)
    const put = known === undefined ? undefined : { limit: known, revision: result.header.revision }
    const stored = result.succeeded ? put : knownLimit(result.results[0])
    if (stored === undefined) {
      const what = `${this.#limitKey} holds no number from 1 to 1,000,000`
      throw new CoordinationError('limit_mismatch', { what })
    }
    const given = this.#given
    if (given !== undefined && stored.limit !== given && this.#givenAt === 0) {
      const what = `the semaphore ${this.name} has the limit ${stored.limit} in the store, and ${given} was given`
      throw new CoordinationError('limit_mismatch', { what })
    }
    this.#learn(stored)
  }

  /**
   * The limit that this object stores if there is none: the last one of the history since this object knew one, or since the
   * oldest permit of others was there, which somebody has been given under a limit.
   */
  async #lastKnown(
    ownKey: string,
    signal: AbortSignal,
    onError: (error: unknown) => void,
  ): Promise<number | undefined> {
    const { client } = this.#session
    const control = { ...this.#session.control, signal }
    const reads = [
      op.getRange({ prefix: this.#permits, keysOnly: true }),
      op.getRange({ key: this.#limitKey }),
    ]
    const txn = client.kv.txn().then(...reads)
    const { results, header } = await sendAgain(() => txn.commit(control), { signal, onError })
    const [permits, limit] = results
    if (limit !== undefined && limit.entries.length > 0) return this.#given
    const isKnown = this.#given !== undefined && this.#givenAt > 0
    const from = isKnown ? this.#givenAt : this.#oldest(permits?.entries ?? [], ownKey)
    if (from === undefined) return this.#given
    const { control: cluster } = this.#session
    const history = { client, control: cluster, key: this.#limitKey, from, upTo: header.revision, signal }
    return parseLimit(await lastValue(history)) ?? this.#given
  }

  /** The create revision of the oldest of the permits of others; undefined if there is none. */
  #oldest(permits: readonly Entry[], ownKey: string): number | undefined {
    let oldest: number | undefined
    for (const { key, createRevision } of permits) {
      const isOther = key !== ownKey && isDirectChild(key, this.#permits)
      if (isOther && (oldest === undefined || createRevision < oldest)) oldest = createRevision
    }
    return oldest
  }

  /** Remembers a limit. An object without a limit of its own remembers none; `isGiven`: this one was set by `setLimit`. */
  #learn({ limit, revision }: KnownLimit, isGiven = false): void {
    if (this.#given === undefined && !isGiven) {
      this.#givenAt = Math.max(this.#givenAt, 1)
      return
    }
    if (revision < this.#givenAt) return
    this.#given = limit
    this.#givenAt = revision
  }
}
