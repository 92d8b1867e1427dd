import type { Bytes, CallControl } from '@livetree/etcd'
import { WAIT_CHECKS, type WaitOptions } from './caller-wait.ts'
import { BYTES, checkArgument, checkName, readOptions } from './check-argument.ts'
import { contend } from './contend.ts'
import { type Contender, listContenders } from './contenders.ts'
import { CoordinationError } from './errors.ts'
import { type Held, HeldKey } from './held.ts'
import { InOrder } from './in-order.ts'
import { type KeyQueue, queueOf } from './key-queue.ts'
import type { OwnKey } from './own-key.ts'
import { type OpenSession, openedSession } from './session.ts'
import type { Session } from './session-contract.ts'

/** The position of the leader, as long as it is held. */
export interface Leadership extends Held {
  /** What was proclaimed last by this handle. */
  readonly value: Buffer
  /**
   * Replaces the value that the others see.
   *
   * @throws CoordinationError `not_leader`: nothing was written; EtcdError `outcome_unknown` if an answer was lost, and then
   * the leadership ended or etcd refused; EtcdError if etcd refuses
   */
  proclaim(value: Bytes): Promise<void>
  /** As `release`: the next candidate leads. A failed one can be repeated. */
  resign(options?: WaitOptions): Promise<void>
}

/**
 * An election: at each revision of the store at most one candidate leads. Its keys are those of Go's
 * `concurrency.Election` and of `etcdctl elect`.
 */
export interface Election {
  readonly name: string
  /**
   * Becomes a candidate with this value and waits until it leads.
   *
   * @throws CoordinationError `cancelled`, `deadline_exceeded`, `session_lost`, `closed`; `lock_lost` if somebody deleted
   * the key of this candidate; EtcdError if etcd refuses
   */
  campaign(value: Bytes, options?: WaitOptions): Promise<Leadership>
  /** The current leader, read linearizably; `undefined` if nobody leads. */
  leader(options?: CallControl): Promise<Contender | undefined>
  /** Lists the leader and the candidates after it, in order. */
  candidates(options?: CallControl): Promise<readonly Contender[]>
}

/**
 * Creates an election. It makes no I/O before the first call.
 *
 * @throws CoordinationError `invalid_argument`
 */
export function createElection(session: Session, name: string): Election {
  checkName(name)
  return new KeyElection(openedSession(session), name)
}

/**
 * Campaigns and returns the leadership; `stop` asks the leader to stop although it still leads.
 *
 * @throws as `Election.campaign`
 */
export async function campaign(
  session: OpenSession,
  name: string,
  value: Bytes,
  options: WaitOptions & { readonly stop?: AbortSignal },
): Promise<Leadership> {
  const prefix = `${name}/`
  const { stop, ...limits } = options
  const queue: KeyQueue = queueOf(session, {
    what: `campaigning in ${name}`,
    listing: 'candidates',
    prefix,
    blockers: [prefix],
    canReattach: true,
  })
  return new KeyLeadership(await contend(session, queue, { ...limits, value }), value, stop)
}

class KeyElection implements Election {
  readonly name: string
  readonly #session: OpenSession

  constructor(session: OpenSession, name: string) {
    this.name = name
    this.#session = session
  }

  async campaign(value: Bytes, options?: WaitOptions): Promise<Leadership> {
    checkArgument('the value', BYTES, value)
    return campaign(this.#session, this.name, value, readOptions('campaign', WAIT_CHECKS, options))
  }

  async leader(options?: CallControl): Promise<Contender | undefined> {
    return (await this.candidates(options))[0]
  }

  candidates(options?: CallControl): Promise<readonly Contender[]> {
    return listContenders(this.#session, `${this.name}/`, options)
  }
}

class KeyLeadership extends HeldKey implements Leadership {
  #value: Buffer
  readonly #proclamations = new InOrder()

  constructor(own: OwnKey, value: Bytes, stop: AbortSignal | undefined) {
    super(own, stop)
    this.#value = Buffer.from(value as string)
  }

  get value(): Buffer {
    return this.#value
  }

  async proclaim(value: Bytes): Promise<void> {
    checkArgument('the value', BYTES, value)
    const copy = Buffer.from(value as string)
    await this.#proclamations.run(() => this.#write(copy))
  }

  async resign(options?: WaitOptions): Promise<void> {
    await this.release(options)
  }

  async #write(value: Buffer): Promise<void> {
    const what = `${this.key} does not lead, and nothing was written`
    try {
      this.throwIfLost()
      await this.own.write(value)
      this.#value = value
    } catch (error) {
      if (error instanceof CoordinationError)
        throw new CoordinationError('not_leader', { what, cause: error })
      throw error
    }
  }
}
