import { type Entry, EtcdError, op, type Ops } from '@livetree/etcd'
import { CoordinationError } from './errors.ts'
import { type Held, HeldKey } from './held.ts'
import type { OwnKey } from './own-key.ts'
import { wasRemovedWithClaim } from './removed-with-claim.ts'
import { sendAgain } from './send-again.ts'
import { WriteFate } from './write-fate.ts'

/** One job that was taken. It goes back into the queue when it is released, disposed of or lost before `complete()`. */
export interface Job extends Held {
  /** The key of the job in the queue. */
  readonly item: string
  readonly value: Buffer
  /** 1 when it is given for the first time. */
  readonly attempt: number
  /**
   * Removes the job for good, in one transaction with the given writes: everything, or nothing. Repeated until it is
   * answered.
   *
   * @throws CoordinationError `lock_lost`, `session_lost`: nothing was written, and the job is given again unless somebody
   * else completes it; `closed`: nothing was written, because this handle has released or completed the job; EtcdError
   * `outcome_unknown` if an answer was lost, and then the job was released, its session ended, or etcd refused, or the
   * history of the store does not show any more who removed it: it may be completed, or be given again; EtcdError if etcd
   * refuses
   */
  complete(...ops: Ops): Promise<void>
}

/** A job that is held by its claim. */
export class KeyJob extends HeldKey implements Job {
  readonly item: string
  readonly value: Buffer
  readonly attempt: number
  readonly #entry: Entry
  readonly #attemptsKey: string
  readonly #prefix: string

  constructor(own: OwnKey, item: Entry, attempt: number, attemptsKey: string, prefix: string) {
    super(own)
    this.item = item.key
    this.value = Buffer.from(item.value)
    this.attempt = attempt
    this.#entry = item
    this.#attemptsKey = attemptsKey
    this.#prefix = prefix
  }

  async complete(...ops: Ops): Promise<void> {
    this.throwIfLost()
    const { client, control } = this.session
    const { keyBytes } = this.#entry
    const deletes: Ops = [keyBytes, this.#attemptsKey, this.key].map((key) => op.delete(key))
    const txn = client.kv
      .txn()
      .if(this.guard)
      .then(...ops, ...deletes)
      .else(op.get(keyBytes))
    const fate = new WriteFate(`the completion of ${this.item}`)
    const done = new CoordinationError('closed', { what: `the job ${this.item} is completed` })
    const completing = this.own.deleteBy(done, async (signal) => {
      const result = await sendAgain(() => txn.commit(control), { signal, onError: fate.onError })
      return (
        result.succeeded || (fate.lost !== undefined && this.#isDone(result.results[0], signal, fate.lost))
      )
    })
    const isDone = await completing.catch((error: unknown) => this.#refused(error, fate))
    if (!isDone) throw this.own.ending
  }

  /** Whether an attempt whose answer was lost has removed the job. */
  async #isDone(item: Entry | undefined, signal: AbortSignal, lost: unknown): Promise<boolean> {
    const { keyBytes, createRevision } = this.#entry
    if (item?.createRevision === createRevision) return false
    const { client, control } = this.session
    const isDone = await wasRemovedWithClaim({
      client,
      control,
      prefix: this.#prefix,
      item: keyBytes,
      itemRevision: createRevision,
      claim: Buffer.from(this.key),
      token: this.token,
      signal,
    })
    if (isDone !== undefined) return isDone
    this.own.markGone()
    const what = `the job ${this.item} was removed, but an answer was lost, so it is unknown who removed it`
    throw new EtcdError('outcome_unknown', { what, cause: lost })
  }

  async #refused(error: unknown, fate: WriteFate): Promise<never> {
    await this.session.noteUserError(error)
    const { signal } = this.session
    return fate.refuse(signal.aborted ? signal.reason : error)
  }
}
