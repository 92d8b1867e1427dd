import { compare, op } from '@livetree/etcd'
import { CallerWait, WAIT_CHECKS, type WaitOptions } from './caller-wait.ts'
import { checkArgument, checkName, type OptionChecks, readOptions, whole } from './check-argument.ts'
import { leave } from './contend.ts'
import { CoordinationError } from './errors.ts'
import { isDirectChild } from './key-queue.ts'
import { KeptRange, type KeptEntry } from './kept-range.ts'
import { OwnKey } from './own-key.ts'
import { sendAgain } from './send-again.ts'
import { type OpenSession, openedSession } from './session.ts'
import type { Session } from './session-contract.ts'

/** etcd takes 128 conditions in a transaction, and there is one for each participant. */
const MOST = 100

/** Options of `createDoubleBarrier`. */
export interface DoubleBarrierOptions {
  /** How many take part, from 1 to 100; the same in all processes. */
  readonly count: number
}

const DOUBLE_CHECKS: OptionChecks<DoubleBarrierOptions> = { count: whole(1, MOST) }

/** A place in a round. */
export interface Place extends AsyncDisposable {
  readonly key: string
  /** Aborts when the place is lost, or left. */
  readonly signal: AbortSignal
  /**
   * Leaves, and resolves when all of the round have left. One that died is waited for until its lease is over.
   *
   * @throws CoordinationError `cancelled`, `deadline_exceeded`: it leaves all the same, and can wait again; `session_lost`, `closed`
   */
  leave(options?: WaitOptions): Promise<void>
}

/** Lets exactly `count` participants begin together and end together. Its keys are those of Go's recipe `DoubleBarrier`. */
export interface DoubleBarrier {
  readonly name: string
  /**
   * Resolves when all participants of the round are there.
   *
   * @throws CoordinationError `too_many` if the round has its participants, until all of them have left; `cancelled`,
   * `deadline_exceeded`, `lock_lost`, `session_lost`, `closed`; EtcdError if etcd refuses
   */
  enter(options?: WaitOptions): Promise<Place>
}

/**
 * Creates a double barrier. It makes no I/O before the first call.
 *
 * @throws CoordinationError `invalid_argument`
 */
export function createDoubleBarrier(
  session: Session,
  name: string,
  options: DoubleBarrierOptions,
): DoubleBarrier {
  checkName(name)
  const { count } = readOptions('createDoubleBarrier', DOUBLE_CHECKS, options)
  checkArgument('count of createDoubleBarrier', DOUBLE_CHECKS.count, count)
  return new KeyDoubleBarrier(openedSession(session), name, count)
}

/** The state of a double barrier at one revision. */
interface Round {
  /** Those who wait or are inside, in the order in which they came. */
  readonly waiters: readonly KeptEntry[]
  readonly ready: KeptEntry | undefined
  /** The newest create revision that belongs to the open round; 0 if no round is open. */
  readonly lastInside: number
}

/**
 * The newest key of the round that a `ready` opens. Go stores no value: then every key created before it was written belongs
 * to the round. No later one can, whatever somebody has written.
 */
function lastInsideOf({ value, modRevision }: KeptEntry): number {
  const text = value.toString()
  return /^[1-9]\d{0,15}$/.test(text) ? Math.min(Number(text), modRevision) : modRevision
}

class KeyDoubleBarrier implements DoubleBarrier {
  readonly name: string
  readonly #session: OpenSession
  readonly #count: number
  readonly #waiters: string
  readonly #ready: string

  constructor(session: OpenSession, name: string, count: number) {
    this.name = name
    this.#session = session
    this.#count = count
    this.#waiters = `${name}/waiters/`
    this.#ready = `${name}/ready`
  }

  async enter(options?: WaitOptions): Promise<Place> {
    const given = readOptions('enter', WAIT_CHECKS, options)
    const session = this.#session
    session.assertOpen()
    const key = session.names.take(this.#waiters)
    const own = new OwnKey(session, { key, value: '', canReattach: true })
    using wait = new CallerWait(`entering ${this.name}`, given, own)
    try {
      wait.signal.throwIfAborted()
      await wait.race(own.create([]))
      const lastInside = await this.#follow(wait, (round) => this.#admit(own, round, wait.signal))
      return new RoundPlace(own, (limits) => this.#leave(own, lastInside, limits))
    } catch (error) {
      throw await leave(own, error)
    }
  }

  /** Follows the round until `decide` gives a result. */
  async #follow<R>(wait: CallerWait, decide: (round: Round) => R | undefined): Promise<R> {
    const decided = Promise.withResolvers<R>()
    const onChange = (): void => {
      try {
        const result = decide(this.#round(range))
        if (result !== undefined) decided.resolve(result)
      } catch (error) {
        decided.reject(error)
      }
    }
    const range = new KeptRange(this.#session.client, { prefix: `${this.name}/` }, { onChange })
    const unsubscribe = wait.endWith(range)
    try {
      return await wait.race(decided.promise)
    } finally {
      decided.promise.catch(() => undefined)
      unsubscribe()
      range.close()
    }
  }

  #round(range: KeptRange): Round {
    const waiters = [...range.entries]
      .filter(
        ({ key }) => key.toString().startsWith(this.#waiters) && isDirectChild(key.toString(), this.#waiters),
      )
      .sort((a, b) => a.createRevision - b.createRevision)
    const ready = range.get(Buffer.from(this.#ready).toString('latin1'))
    return { waiters, ready, lastInside: ready === undefined ? 0 : lastInsideOf(ready) }
  }

  /** Returns the newest token inside if this key is inside; undefined if it still waits. */
  #admit(own: OwnKey, { waiters, ready, lastInside }: Round, signal: AbortSignal): number | undefined {
    const place = waiters.findIndex(({ createRevision }) => createRevision === own.token)
    if (place < 0) return undefined
    if (own.token <= lastInside) return lastInside
    const isRunning = waiters.some(({ createRevision }) => createRevision <= lastInside)
    if (isRunning || place >= this.#count) {
      const what = `${this.name} has its ${this.#count} participants`
      throw new CoordinationError('too_many', { what })
    }
    // Every participant that sees a full round opens it, so that a crash of the last one blocks nobody.
    if (waiters.length >= this.#count) void this.#open(waiters.slice(0, this.#count), ready, signal)
    return undefined
  }

  /** Opens a round for exactly these; without effect if one of them has gone, or if it is open. */
  async #open(
    inside: readonly KeptEntry[],
    ready: KeptEntry | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, control, logger } = this.#session
    const last = inside.at(-1)?.createRevision ?? 0
    const txn = client.kv
      .txn()
      .if(
        compare.modRevision(this.#ready, '=', ready?.modRevision ?? 0),
        ...inside.map(({ key, createRevision }) => compare.createRevision(key, '=', createRevision)),
      )
      .then(op.put(this.#ready, String(last)))
    try {
      await sendAgain(() => txn.commit({ ...control, signal }), { signal, isPatient: true })
    } catch (error) {
      if (!signal.aborted) logger.warn('A double barrier could not be opened', { name: this.name, error })
    }
  }

  /** Waits until nobody of the round is there, and closes it. */
  async #leave(own: OwnKey, lastInside: number, options: WaitOptions | undefined): Promise<void> {
    const given = readOptions('leave', WAIT_CHECKS, options)
    const removing = own.remove(new CoordinationError('closed', { what: `${own.key} has left` }))
    removing.catch(() => undefined)
    const what = `leaving ${this.name}`
    const waitAgain = 'It leaves all the same: leave again to wait for the others.'
    const remedies = { cancelled: waitAgain, deadline_exceeded: waitAgain }
    using wait = new CallerWait({ what, remedies }, given, this.#session)
    await wait.race(removing)
    const ready = await this.#follow(wait, (round) => {
      const isOver = !round.waiters.some(({ createRevision }) => createRevision <= lastInside)
      return isOver ? { entry: round.lastInside === lastInside ? round.ready : undefined } : undefined
    })
    if (ready.entry === undefined) return
    const isSame = compare.modRevision(this.#ready, '=', ready.entry.modRevision)
    const txn = this.#session.client.kv.txn().if(isSame).then(op.delete(this.#ready))
    const control = { ...this.#session.control, signal: wait.signal }
    await sendAgain(() => txn.commit(control), { signal: wait.signal, isPatient: true })
  }
}

class RoundPlace implements Place {
  readonly #own: OwnKey
  readonly #leave: (options?: WaitOptions) => Promise<void>

  constructor(own: OwnKey, leaveRound: (options?: WaitOptions) => Promise<void>) {
    this.#own = own
    this.#leave = leaveRound
  }

  get key(): string {
    return this.#own.key
  }

  get signal(): AbortSignal {
    return this.#own.signal
  }

  async leave(options?: WaitOptions): Promise<void> {
    await this.#leave(options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leave()
  }
}
