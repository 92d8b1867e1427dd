import { setMaxListeners } from 'node:events'
import {
  type Bytes,
  compare,
  type Condition,
  type Entry,
  type KnownEntry,
  op,
  type RangeResult,
  type TxnOp,
} from '@livetree/etcd'
import type { Ending } from './caller-wait.ts'
import { CoordinationError } from './errors.ts'
import { type CreatedKey, type CreateAnswer, entryOfNew, type OwnKeyPlan } from './own-key-plan.ts'
import { OwnKeyWatch } from './own-key-watch.ts'
import { removeKey } from './remove-key.ts'
import { mayBeApplied, sendAgain } from './send-again.ts'
import type { OpenSession } from './session.ts'
import { WriteFate } from './write-fate.ts'

type Header = RangeResult['header']

function bytesOf(value: Bytes): Buffer {
  return typeof value === 'string' ? Buffer.from(value) : Buffer.from(value)
}

/**
 * One key of a session, with a name that nobody else uses. It is watched from its creation on, so that its owner learns
 * within a watch delay when somebody deletes it. It ends once: by `remove()`, with the session, or by somebody's hand.
 */
export class OwnKey implements Ending {
  readonly session: OpenSession
  readonly #plan: OwnKeyPlan
  readonly #controller = new AbortController()
  readonly #stop = new AbortController()
  readonly #endings = new Set<(reason: Error) => void>()
  readonly #unsubscribe: () => void
  #key: string
  #token = 0
  #modRevision = 0
  #isStray = false
  #isDeleted = false
  /** A creation that is not answered yet: a removal waits for it, or it might come first. */
  #creating: Promise<unknown> | undefined
  /** Deletions together with other writes, that are not answered yet: a removal waits for them, too. */
  readonly #deletions = new Set<Promise<boolean>>()
  /** Why one of the deletions has deleted the key; undefined if none has. */
  #deletedBy: Error | undefined
  #watcher: OwnKeyWatch | undefined
  #removing: Promise<void> | undefined

  constructor(session: OpenSession, plan: OwnKeyPlan) {
    this.session = session
    this.#key = plan.key
    this.#plan = plan
    setMaxListeners(0, this.signal, this.#stop.signal)
    this.#unsubscribe = session.onEnd((reason) => this.#end(reason))
  }

  /** Another one than was planned if that name turned out to be in use. */
  get key(): string {
    return this.#key
  }

  /** Revision at which the key was created; 0 before. */
  get token(): number {
    return this.#token
  }

  /** Aborts when the key can no longer be relied on. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Why the key has ended: by a deletion of its own, whatever came before its answer; undefined as long as it has not. */
  get ending(): unknown {
    return this.#deletedBy ?? (this.signal.aborted ? this.signal.reason : undefined)
  }

  /** Holds as long as the key is the one that was created. */
  get guard(): Condition {
    return compare.createRevision(this.key, '=', this.#token)
  }

  onEnd(run: (reason: Error) => void): () => void {
    if (this.signal.aborted) run(this.signal.reason)
    else this.#endings.add(run)
    return () => void this.#endings.delete(run)
  }

  /**
   * Creates the key, and reads in the same transaction. Repeated until answered. A key of this name that exists already
   * is the one of an earlier attempt only if an answer was lost; otherwise it belongs to somebody else who uses the same
   * lease, and another name is taken.
   */
  async create(
    reads: readonly TxnOp<RangeResult>[],
    conditions: readonly Condition[] = [],
    writes: readonly TxnOp<unknown>[] = [],
  ): Promise<CreatedKey> {
    const { lease, names } = this.session
    const refused = { token: 0, isNewest: false } as const
    for (;;) {
      const creating = this.#create(reads, conditions, writes)
      this.#creating = creating
      const { succeeded, header, found, seen } = await creating
      if (succeeded) return this.#begin(header, entryOfNew(this.key, header), seen, true)
      if (found === undefined) return { ...refused, header, reads: seen }
      if (this.#isStray && found.lease === lease) return this.#begin(header, found, seen, false)
      if (this.#plan.isShared === true) return { ...refused, header, reads: seen }
      this.#key = names.takeAnother(this.#key)
    }
  }

  async #create(
    reads: readonly TxnOp<RangeResult>[],
    conditions: readonly Condition[],
    writes: readonly TxnOp<unknown>[],
  ): Promise<CreateAnswer> {
    const { client, control, lease } = this.session
    const txn = client.kv
      .txn()
      .if(compare.createRevision(this.key, '=', 0), ...conditions)
      .then(op.put(this.key, this.#plan.value, { lease }), ...reads, ...writes)
      .else(op.get(this.key), ...reads)
    const onError = (error: unknown): void => {
      if (mayBeApplied(error)) this.#isStray = true
    }
    const { succeeded, header, results } = await this.#send(() => txn.commit(control), false, onError)
    const seen = results.slice(1, 1 + reads.length) as RangeResult[]
    return { succeeded, header, found: succeeded ? undefined : (results[0] as Entry | undefined), seen }
  }

  /** Reads in one transaction with the key itself. Ends the key if it is gone. */
  async look(
    reads: readonly TxnOp<RangeResult>[],
  ): Promise<{ header: Header; reads: readonly RangeResult[] }> {
    const txn = this.session.client.kv.txn().then(op.get(this.key), ...reads)
    const result = await this.#send(() => txn.commit(this.session.control), true)
    const [found, ...seen] = result.succeeded ? result.results : [undefined]
    if (found?.createRevision !== this.#token) this.#onGone()
    this.signal.throwIfAborted()
    return { header: result.header, reads: seen }
  }

  /**
   * Deletes the key, if it is still the one that was created, and repeats that until it is confirmed or until the session
   * is over. Resolves also if the key was gone. A removal that etcd refuses is tried again from time to time.
   *
   * @throws EtcdError if etcd refuses; a repeated call asks again at once
   */
  remove(reason: Error): Promise<void> {
    if (this.#removing === undefined) {
      this.#end(reason)
      this.#stop.abort(reason)
      const removing = this.#remove()
      this.#removing = removing
      removing.catch(() => {
        this.#removing = undefined
      })
      this.session.track(removing)
    }
    return this.#removing
  }

  /**
   * Writes the key, if it is still the one that was created; otherwise it ends and its reason is thrown. Each attempt is
   * guarded by the last known modification, so that one that was lost and is applied late cannot undo a later write.
   *
   * @throws EtcdError `outcome_unknown` if an answer was lost, and then the key ended or etcd refused
   */
  async write(value: Bytes): Promise<void> {
    const { client, control, lease } = this.session
    const fate = new WriteFate(`the write of ${this.key}`)
    for (;;) {
      const txn = client.kv
        .txn()
        .if(this.guard, compare.modRevision(this.key, '=', this.#modRevision))
        .then(op.put(this.key, value, { lease }))
        .else(op.get(this.key))
      const result = await this.#send(() => txn.commit(control), false, fate.onError).catch(fate.refuse)
      const [found] = result.succeeded ? [undefined] : result.results
      if (result.succeeded) this.#modRevision = result.header.revision
      else if (found?.createRevision !== this.#token) this.#onGone()
      else this.#modRevision = found.modRevision
      // It is done, also if the key has ended meanwhile.
      if (result.succeeded || found?.value.equals(bytesOf(value))) return
      if (this.signal.aborted) fate.refuse(this.signal.reason)
    }
  }

  /**
   * Runs a transaction that deletes the key together with other writes, so that its deletion is not taken for a loss.
   * `send` returns false if the key was not the one that was created any more; so does this.
   */
  async deleteBy(reason: Error, send: (signal: AbortSignal) => Promise<boolean>): Promise<boolean> {
    const deleting = this.#delete(reason, send)
    this.#deletions.add(deleting)
    try {
      const isDone = await deleting.finally(() => this.#deletions.delete(deleting))
      if (!isDone) await this.foundGone()
      return isDone
    } catch (error) {
      if (this.#deletions.size === 0) this.#watcher?.check()
      throw error
    }
  }

  async #delete(reason: Error, send: (signal: AbortSignal) => Promise<boolean>): Promise<boolean> {
    if (!(await send(this.#stop.signal))) return false
    this.#deletedBy = reason
    this.#end(reason)
    this.#noteDeleted()
    return true
  }

  /**
   * Ends the key, because it was found absent, or created again: as lost, unless a deletion of its own has deleted it, whose
   * answer may come later.
   */
  async foundGone(): Promise<void> {
    await Promise.allSettled(this.#deletions)
    this.markGone()
  }

  /** Ends the key as lost. */
  markGone(): void {
    this.#onGone()
  }

  async #remove(): Promise<void> {
    const { lease, names } = this.session
    await Promise.allSettled([this.#creating, ...this.#deletions])
    if (this.#isDeleted) return
    if (this.#token === 0 && !this.#isStray) return names.giveBack(this.key, false)
    const isOurs = this.#plan.isShared
      ? compare.lease(this.key, '=', lease)
      : compare.createRevision(this.key, '>', 0)
    const guard = this.#token > 0 ? this.guard : isOurs
    await removeKey(this.session, this.key, guard, () => this.#noteDeleted())
  }

  #noteDeleted(): void {
    if (this.#isDeleted) return
    this.#isDeleted = true
    this.session.names.giveBack(this.key, this.#isStray)
  }

  /** `onFailed` is called for every attempt that fails. */
  #send<R>(send: () => Promise<R>, isPatient: boolean, onFailed?: (error: unknown) => void): Promise<R> {
    const onError = (error: unknown): void => {
      onFailed?.(error)
      this.session.noteError(error)
    }
    return sendAgain(send, { signal: this.#stop.signal, isPatient, onError })
  }

  /** @param entry the key as it is at the revision of the header */
  #begin(header: Header, entry: KnownEntry, reads: readonly RangeResult[], isNewest: boolean): CreatedKey {
    const { createRevision: token } = entry
    this.#token = token
    this.#modRevision = token
    this.signal.throwIfAborted()
    this.#watch(header, entry)
    return { token, header, isNewest, reads }
  }

  #watch(header: Header, entry: KnownEntry): void {
    this.#watcher = new OwnKeyWatch(this.session, this.key, {
      token: this.#token,
      signal: this.#stop.signal,
      onGone: () => {
        if (this.#deletions.size === 0) this.#onGone()
      },
      onDetached: (modRevision) => {
        if (this.#deletions.size === 0) this.#onDetached(modRevision)
      },
    })
    this.#watcher.begin(header, entry)
  }

  /** Somebody wrote the key without the lease: it would outlive its owner, and all would wait for it forever. */
  #onDetached(modRevision: number): void {
    const { client, control, lease, logger } = this.session
    if (!this.#plan.canReattach) {
      const what = `the key ${this.key} was written by somebody else, which took it off its lease`
      void this.remove(new CoordinationError('lock_lost', { what })).catch(() => undefined)
      return
    }
    logger.warn('A key was taken off its lease by a write of somebody else; it is attached again', {
      key: this.key,
    })
    const txn = client.kv
      .txn()
      .if(this.guard, compare.modRevision(this.key, '=', modRevision))
      .then(op.put(this.key, '', { lease, ignoreValue: true }))
    // A failed condition means that the key was written or deleted again, which the watch reports.
    this.#send(() => txn.commit(control), true).catch((error: unknown) => {
      if (!this.signal.aborted)
        logger.warn('A key could not be attached to its lease again', { key: this.key, error })
    })
  }

  #onGone(): void {
    if (this.signal.aborted) return
    this.#end(
      new CoordinationError('lock_lost', { what: `the key ${this.key} was deleted by somebody else` }),
    )
    this.#noteDeleted()
    void this.session.suspect()
  }

  #end(reason: Error): void {
    if (this.signal.aborted) return
    this.#unsubscribe()
    this.#watcher?.cancel()
    this.#stop.abort(reason)
    this.#controller.abort(reason)
    const endings = [...this.#endings]
    this.#endings.clear()
    for (const run of endings) run(reason)
  }
}
