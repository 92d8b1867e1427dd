import { type Bytes, compare, type Condition, type Entry, op, type RangeResult } from '@livetree/etcd'
import { appendEntry } from './append-entry.ts'
import { CallerWait, WAIT_CHECKS, type WaitOptions } from './caller-wait.ts'
import { BYTES, checkArgument, checkName, type OptionChecks, readOptions, whole } from './check-argument.ts'
import { leave } from './contend.ts'
import { type Job, KeyJob } from './job.ts'
import { anyChange } from './key-gone.ts'
import { OwnKey } from './own-key.ts'
import { pause, pauseMs, sendAgain } from './send-again.ts'
import { type OpenSession, openedSession } from './session.ts'
import type { Session } from './session-contract.ts'
import { WriteFate } from './write-fate.ts'

/** Options of `createWorkQueue`. */
export interface WorkQueueOptions {
  /** How often a job is given before it is put aside under `<name>/dead/`. Default: without limit. */
  readonly maxAttempts?: number
}

/** Options of `WorkQueue.put`. */
export interface PutJobOptions extends WaitOptions {
  /** 0 to 99,999; jobs of a lower number are given first. Default 50,000. */
  readonly priority?: number
}

/** A queue in which each job is given until it is completed: at least once, to one taker at a time. */
export interface WorkQueue {
  readonly name: string
  /**
   * Puts a job at the end of those of its priority.
   *
   * @throws CoordinationError `cancelled`, `deadline_exceeded`: nothing was put, nor will be; EtcdError `outcome_unknown` if it
   * was sent, and no answer came before the end of the call, the connection or the client: it may have been put; else as
   * `kv.append`
   */
  put(value: Bytes, options?: PutJobOptions): Promise<void>
  /**
   * Takes the first job that nobody has; waits for one. Fails like `Mutex.acquire`.
   *
   * @throws CoordinationError `cancelled`, `deadline_exceeded`, `session_lost`, `closed`; EtcdError if etcd refuses
   */
  take(options?: WaitOptions): Promise<Job>
}

const QUEUE_CHECKS: OptionChecks<WorkQueueOptions> = { maxAttempts: whole(1) }
const PUT_CHECKS: OptionChecks<PutJobOptions> = { ...WAIT_CHECKS, priority: whole(0, 99_999) }
const DEFAULT_PRIORITY = 50_000
/** Jobs that are read besides those that others have, so that takers who come at once find one each. */
const SPARE_JOBS = 16

/**
 * Creates a work queue. It makes no I/O before the first call.
 *
 * @throws CoordinationError `invalid_argument`
 */
export function createWorkQueue(session: Session, name: string, options?: WorkQueueOptions): WorkQueue {
  checkName(name)
  const { maxAttempts = Number.POSITIVE_INFINITY } = readOptions('createWorkQueue', QUEUE_CHECKS, options)
  return new KeyWorkQueue(openedSession(session), name, maxAttempts)
}

interface Listed {
  /** In their order. */
  readonly jobs: readonly Entry[]
  /** True if this session is creating or deleting the claim of a listed job, so that the list may be outdated. */
  readonly isLeaving: boolean
  readonly header: RangeResult['header']
}

/** The part of a key after its prefix. One that is not UTF-8 gets its bytes appended, so that no two are the same. */
function nameOf({ key, keyBytes }: Entry, prefix: string): string {
  const name = key.slice(prefix.length)
  const isText = Buffer.from(key).equals(keyBytes)
  return isText ? name : `${name}~${keyBytes.toString('hex')}`
}

/** The name of an item: its priority and what `kv.append` made. Other keys are left alone. */
const ITEM_NAME = /^\d{5}\/[^/]+$/

/** How often a job was given; 0 for what is no such number. */
function attemptsIn(entry: Entry | undefined): number {
  return entry !== undefined && /^\d{1,15}$/.test(entry.text) ? Number(entry.text) : 0
}

class KeyWorkQueue implements WorkQueue {
  readonly name: string
  readonly #session: OpenSession
  readonly #maxAttempts: number
  readonly #items: string
  readonly #claims: string
  #isWarned = false

  constructor(session: OpenSession, name: string, maxAttempts: number) {
    this.name = name
    this.#session = session
    this.#maxAttempts = maxAttempts
    this.#items = `${name}/items/`
    this.#claims = `${name}/claims/`
  }

  async put(value: Bytes, options?: PutJobOptions): Promise<void> {
    checkArgument('the value', BYTES, value)
    const { priority = DEFAULT_PRIORITY, ...limits } = readOptions('put', PUT_CHECKS, options)
    const prefix = `${this.#items}${String(priority).padStart(5, '0')}/`
    await appendEntry(this.#session.client, { queue: this.name, prefix, value }, limits)
  }

  async take(options?: WaitOptions): Promise<Job> {
    const given = readOptions('take', WAIT_CHECKS, options)
    const session = this.#session
    session.assertOpen()
    using wait = new CallerWait(`taking from ${this.name}`, given, session)
    for (;;) {
      wait.signal.throwIfAborted()
      const { jobs, isLeaving, header } = await wait.race(this.#list(wait.signal))
      for (const entry of jobs) {
        const job = await this.#claim(entry, wait)
        if (job !== undefined) return job
      }
      if (isLeaving) await pause(pauseMs(0), wait.signal)
      if (jobs.length > 0 || isLeaving) continue
      const counts = (key: string): boolean => key.startsWith(this.#items) || key.startsWith(this.#claims)
      const watched = { client: session.client, header, signal: wait.signal, counts }
      await wait.race(anyChange({ prefix: `${this.name}/` }, watched))
    }
  }

  /** The first jobs that nobody has, with the revision at which that was so. */
  async #list(signal: AbortSignal): Promise<Listed> {
    const { client, control } = this.#session
    const claims = await sendAgain(
      () => client.kv.getRange({ prefix: this.#claims, keysOnly: true, ...control }),
      { signal, isPatient: true },
    )
    const limit = claims.count + SPARE_JOBS
    const claimed = new Set(claims.entries.map((entry) => nameOf(entry, this.#claims)))
    // A claim of this session that was just deleted, or is being made, is not in the list, and no event may follow.
    const isOurs = (entry: Entry): boolean =>
      this.#session.names.isTaken(`${this.#claims}${nameOf(entry, this.#items)}`)
    let from = Buffer.from(this.#items)
    for (;;) {
      const { entries, hasMore } = await this.#page(from, limit, signal)
      const free = entries.filter(
        (entry) => this.#isOwnItem(entry) && !claimed.has(nameOf(entry, this.#items)),
      )
      const jobs = free.filter((entry) => !isOurs(entry))
      // The claims were read first: what changed since then wakes the caller.
      if (free.length > 0 || !hasMore)
        return { jobs, isLeaving: free.length > jobs.length, header: claims.header }
      from = Buffer.concat([entries.at(-1)?.keyBytes ?? from, Buffer.of(0)])
    }
  }

  /** Keys of items from one on, in their order. */
  #page(from: Buffer, limit: number, signal: AbortSignal): Promise<RangeResult> {
    const { client, control } = this.#session
    // The first key behind the prefix: the digit follows the slash.
    const query = { from, to: `${this.name}/items0`, keysOnly: true, limit, ...control }
    return sendAgain(() => client.kv.getRange(query), { signal, isPatient: true })
  }

  /** True for what `put` has written. Warns once of others. */
  #isOwnItem({ key }: Entry): boolean {
    if (ITEM_NAME.test(key.slice(this.#items.length))) return true
    if (!this.#isWarned)
      this.#session.logger.warn('A key among the jobs of a work queue is none: it is left alone, delete it', {
        key,
      })
    this.#isWarned = true
    return false
  }

  #attemptsKey(name: string): string {
    return `${this.name}/attempts/${name}`
  }

  /** Takes a job unless somebody else does first, or it is put aside. */
  async #claim(entry: Entry, wait: CallerWait): Promise<Job | undefined> {
    const session = this.#session
    const { client, control, names } = session
    const name = nameOf(entry, this.#items)
    const read = client.kv.txn().then(op.get(entry.keyBytes), op.get(this.#attemptsKey(name)))
    const { signal } = wait
    const result = await wait.race(sendAgain(() => read.commit(control), { signal, isPatient: true }))
    const [item, attempts] = result.succeeded ? result.results : [undefined, undefined]
    if (item === undefined) return undefined
    const attempt = attemptsIn(attempts) + 1
    const isSame = [
      compare.modRevision(item.keyBytes, '=', item.modRevision),
      compare.modRevision(this.#attemptsKey(name), '=', attempts?.modRevision ?? 0),
    ]
    if (attempt > this.#maxAttempts) {
      await wait.race(this.#putAside(item, name, isSame, signal))
      return undefined
    }
    const key = `${this.#claims}${name}`
    if (!names.takeGiven(key)) return undefined
    const own = new OwnKey(session, { key, value: '', canReattach: true, isShared: true })
    const unsubscribe = wait.endWith(own)
    try {
      const counted = op.put(this.#attemptsKey(name), String(attempt))
      const created = await wait.race(own.create([], isSame, [counted]))
      if (created.token > 0) return new KeyJob(own, item, attempt, this.#attemptsKey(name), `${this.name}/`)
    } catch (error) {
      throw await leave(own, error)
    } finally {
      unsubscribe()
    }
    own.remove(new Error('somebody else has the job')).catch(() => undefined)
    return undefined
  }

  async #putAside(
    item: Entry,
    name: string,
    isSame: readonly Condition[],
    signal: AbortSignal,
  ): Promise<void> {
    const { client, control, logger } = this.#session
    const txn = client.kv
      .txn()
      .if(...isSame, compare.isAbsent(`${this.#claims}${name}`))
      .then(
        op.put(`${this.name}/dead/${name}`, item.value),
        op.delete(item.keyBytes),
        op.delete(this.#attemptsKey(name)),
      )
    const fate = new WriteFate(`putting aside ${item.key}`)
    const { onError } = fate
    const sending = sendAgain(() => txn.commit({ ...control, signal }), { signal, isPatient: true, onError })
    const isDone = await sending.then(
      ({ succeeded }) => succeeded,
      (error: unknown) => error,
    )
    const about = { key: item.key }
    if (isDone === true) logger.warn('A job was put aside after its last attempt', about)
    else if (fate.lost !== undefined)
      logger.warn('A job may have been put aside after its last attempt', about)
    if (isDone !== true && isDone !== false) throw isDone
  }
}
