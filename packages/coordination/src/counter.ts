import { type CallControl, compare, type Entry, EtcdError, op } from '@livetree/etcd'
import { CallerWait, WAIT_CHECKS, type WaitOptions } from './caller-wait.ts'
import { type Check, checkArgument, checkName, readOptions, refuse } from './check-argument.ts'
import { mayBeApplied, pause, pauseMs, sendAgain } from './send-again.ts'
import { type OpenSession, openedSession } from './session.ts'
import type { Session } from './session-contract.ts'

/** The outcome of one addition. */
export interface CounterResult {
  readonly value: bigint
  readonly previous: bigint
  /** The revision that wrote it. Additions of one process that wait at once share one. */
  readonly revision: number
}

/** A number in the store that is added to exactly once for each call, also when answers are lost. */
export interface Counter {
  readonly name: string
  /**
   * Adds, and returns the value before and after. A process sends one request at a time and joins the additions that wait.
   *
   * @throws CoordinationError `invalid_argument` if the key holds no whole number, `session_lost`, `closed`; `cancelled`
   * and `deadline_exceeded`: it may still be applied; EtcdError `outcome_unknown` if the session was lost before an answer
   */
  add(delta: bigint, options?: WaitOptions): Promise<CounterResult>
  /** The value, read linearizably; 0n if there is no key. */
  get(options?: CallControl): Promise<bigint>
}

const MOST_DIGITS = 1_000
const INTEGER: Check = { accepts: (value) => typeof value === 'bigint', expected: 'a bigint such as 1n' }

/**
 * Creates a counter. It makes no I/O before the first call.
 *
 * @throws CoordinationError `invalid_argument`
 */
export function createCounter(session: Session, name: string): Counter {
  checkName(name)
  return new KeyCounter(openedSession(session), name)
}

interface Addition {
  readonly delta: bigint
  readonly done: PromiseWithResolvers<CounterResult>
}

/** What is known of the key. */
interface Known {
  readonly value: bigint
  readonly modRevision: number
}

class KeyCounter implements Counter {
  readonly name: string
  readonly #session: OpenSession
  #marker: string | undefined
  #waiting: Addition[] = []
  #isRunning = false
  #known: Known = { value: 0n, modRevision: 0 }
  #operation = 0

  constructor(session: OpenSession, name: string) {
    this.name = name
    this.#session = session
  }

  async add(delta: bigint, options?: WaitOptions): Promise<CounterResult> {
    checkArgument('the delta', INTEGER, delta)
    const given = readOptions('add', WAIT_CHECKS, options)
    this.#session.assertOpen()
    using wait = new CallerWait(`adding to ${this.name}`, given)
    wait.signal.throwIfAborted()
    const addition = { delta, done: Promise.withResolvers<CounterResult>() }
    addition.done.promise.catch(() => undefined)
    this.#waiting.push(addition)
    if (!this.#isRunning) void this.#run()
    try {
      return await wait.race(addition.done.promise)
    } finally {
      this.#waiting = this.#waiting.filter((each) => each !== addition)
    }
  }

  async get(options?: CallControl): Promise<bigint> {
    return this.#read(await this.#session.client.kv.get(this.name, options)).value
  }

  /** Sends what waits, all at once, until nothing waits. */
  async #run(): Promise<void> {
    this.#isRunning = true
    while (this.#waiting.length > 0) {
      const batch = this.#waiting
      this.#waiting = []
      try {
        const sum = batch.reduce((total, { delta }) => total + delta, 0n)
        let { previous, revision } = await this.#apply(sum)
        for (const { delta, done } of batch) {
          done.resolve({ previous, value: previous + delta, revision })
          previous += delta
        }
      } catch (error) {
        for (const { done } of batch) done.reject(error)
      }
    }
    this.#isRunning = false
  }

  /**
   * Adds once. The write also marks its number under the session's own key, so that a request whose answer was lost is
   * recognized when it is sent again: its condition then fails, and the marker shows why.
   */
  async #apply(sum: bigint): Promise<{ previous: bigint; revision: number }> {
    const { client, control, lease, names, signal } = this.#session
    this.#marker ??= names.take(`${this.name}.by/`)
    this.#operation += 1
    const operation = String(this.#operation)
    let isUnknown = false
    const onError = (error: unknown): void => {
      isUnknown ||= mayBeApplied(error)
      this.#session.noteError(error)
    }
    for (let attempt = 0; ; attempt += 1) {
      const { value, modRevision } = this.#known
      const txn = client.kv
        .txn()
        .if(compare.modRevision(this.name, '=', modRevision))
        .then(op.put(this.name, String(value + sum)), op.put(this.#marker, operation, { lease }))
        .else(op.get(this.name), op.get(this.#marker))
      const result = await sendAgain(() => txn.commit(control), { signal, onError }).catch(
        (error: unknown) => {
          throw isUnknown ? this.#unknown(error) : error
        },
      )
      if (result.succeeded) {
        const { revision } = result.header
        this.#known = { value: value + sum, modRevision: revision }
        return { previous: value, revision }
      }
      const [found, marker] = result.results
      this.#known = this.#read(found)
      if (marker?.text === operation) return { previous: value, revision: marker.modRevision }
      // The condition can never hold again, so what was sent before is not applied either.
      isUnknown = false
      if (attempt > 0) await pause(pauseMs(Math.min(attempt, 4)), signal)
    }
  }

  #read(entry: Entry | undefined): Known {
    if (entry === undefined) return { value: 0n, modRevision: 0 }
    const { text, modRevision } = entry
    if (!/^-?\d+$/.test(text) || text.length > MOST_DIGITS)
      throw refuse(`the key ${this.name} holds something else than a whole number`)
    return { value: BigInt(text), modRevision }
  }

  #unknown(cause: unknown): EtcdError {
    const what = `the session ended before an addition to ${this.name} was answered: it may have been applied`
    return new EtcdError('outcome_unknown', { what, cause })
  }
}
