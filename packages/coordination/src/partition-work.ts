import { setMaxListeners } from 'node:events'
import type { Logger } from '@livetree/etcd'
import { contend } from './contend.ts'
import { HeldKey } from './held.ts'
import { type Lock, mutexQueue } from './mutex.ts'
import { isMendable, repeatTerms, WorkError } from './run-terms.ts'
import { pause } from './send-again.ts'
import type { OpenSession } from './session.ts'

/** How the partitions of one `runPartitioner` are run. */
export interface PartitionPlan {
  readonly name: string
  readonly drainMs: number
  readonly logger: Logger
  /** The user's work. */
  readonly run: (partition: string, lock: Lock) => unknown
  /** The calls of `run` that have not settled, by partition: also those whose lock is gone. They never reject. */
  readonly running: Map<string, Promise<void>>
}

/** Runs one partition under its lock, from its assignment to this member until it is stopped. */
export class PartitionWork {
  readonly partition: string
  /** Settles when the lock is released. Rejects with a `WorkError` if the work failed, and with what etcd refuses for good. */
  readonly done: Promise<void>
  readonly #session: OpenSession
  readonly #plan: PartitionPlan
  readonly #stop = new AbortController()

  constructor(session: OpenSession, plan: PartitionPlan, partition: string) {
    this.partition = partition
    this.#session = session
    this.#plan = plan
    const { signal } = this.#stop
    setMaxListeners(0, signal)
    this.done = repeatTerms(signal, () => this.#holdAndRun(signal))
  }

  /** Asks the work to end; the lock is released when it has, and at the latest after `drainMs`. */
  stop(reason: Error): void {
    this.#stop.abort(reason)
  }

  async #holdAndRun(stop: AbortSignal): Promise<void> {
    const { name, running } = this.#plan
    try {
      // A former call may go on without its lock: two calls for one partition never overlap in one process.
      const former = running.get(this.partition)
      if (former !== undefined) await Promise.race([former, aborted(stop)])
      stop.throwIfAborted()
      const queue = mutexQueue(this.#session, `${name}/locks/${this.partition}`)
      const own = await contend(this.#session, queue, { signal: stop })
      await using lock = new HeldKey(own, stop)
      await this.#runUntilDrained(lock, own.signal, stop)
    } catch (error) {
      if (stop.aborted && !(error instanceof WorkError)) return
      if (!isMendable(error)) throw error
      this.#plan.logger.info('A partition is not held any more', { name, partition: this.partition, error })
      // Without its session, this member gets no lock.
      this.#session.assertOpen()
    }
  }

  /** Resolves when the call has settled, or when it has not within `drainMs` after it was stopped. */
  async #runUntilDrained(lock: Lock, lost: AbortSignal, stop: AbortSignal): Promise<void> {
    const { drainMs, logger, name, running } = this.#plan
    const settled = new AbortController()
    let failure: WorkError | undefined
    const calling = this.#call(lock).then((error) => {
      if (error !== undefined && lock.isHeld && !stop.aborted) failure = error
      running.delete(this.partition)
      settled.abort()
    })
    running.set(this.partition, calling)
    await aborted(AbortSignal.any([settled.signal, stop]))
    if (!settled.signal.aborted)
      await pause(drainMs, AbortSignal.any([settled.signal, lost])).catch(() => undefined)
    if (failure !== undefined) throw failure
    if (settled.signal.aborted || !lock.isHeld) return
    const what = `The work of a partition did not end within drainMs; its lock is released, and its writes are refused`
    logger.warn(what, { name, partition: this.partition, drainMs })
  }

  async #call(lock: Lock): Promise<WorkError | undefined> {
    try {
      await this.#plan.run(this.partition, lock)
      return undefined
    } catch (error) {
      return new WorkError(error)
    }
  }
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
