import type { CallControl } from '@livetree/etcd'
import { CALL_CHECKS, CallerWait, NOTHING_WRITTEN, WAIT_CHECKS, type WaitOptions } from './caller-wait.ts'
import { type Check, checkArgument, checkName, readOptions } from './check-argument.ts'
import { CounterWriter, type CounterResult, isTooLong, readNumber, tooLong } from './counter-writer.ts'
import { type OpenSession, openedSession } from './session.ts'
import type { Session } from './session-contract.ts'

/** A number in the store that is added to exactly once for each call, also when answers are lost. */
export interface Counter {
  readonly name: string
  /**
   * Adds, and returns the value before and after. A session sends one request at a time and joins the additions that wait.
   *
   * @throws CoordinationError `invalid_argument` if the key holds no whole number, or the sum would have more than 1,000
   * digits; `session_lost`, `closed`, `cancelled` and `deadline_exceeded`: it was not applied, nor will be; EtcdError
   * `outcome_unknown` if it was sent, and then no answer came before the end of the call or of the session, or the mark was lost
   * by which the addition is recognized: it may have been applied; EtcdError if etcd refuses
   */
  add(delta: bigint, options?: WaitOptions): Promise<CounterResult>
  /** The value, read linearizably; 0n if there is no key. */
  get(options?: CallControl): Promise<bigint>
}

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

/** One for each session and counter, so that a session leaves one mark only, however many counters are made. */
const writersOf = new WeakMap<OpenSession, Map<string, CounterWriter>>()

function writerOf(session: OpenSession, name: string): CounterWriter {
  const writers = writersOf.get(session) ?? new Map<string, CounterWriter>()
  writersOf.set(session, writers)
  const writer = writers.get(name) ?? new CounterWriter(session, name)
  writers.set(name, writer)
  return writer
}

class KeyCounter implements Counter {
  readonly name: string
  readonly #session: OpenSession

  constructor(session: OpenSession, name: string) {
    this.name = name
    this.#session = session
  }

  async add(delta: bigint, options?: WaitOptions): Promise<CounterResult> {
    checkArgument('the delta', INTEGER, delta)
    const given = readOptions('add', WAIT_CHECKS, options)
    if (isTooLong(delta)) throw tooLong(this.name)
    this.#session.assertOpen()
    const what = `adding to ${this.name}`
    using wait = new CallerWait({ what, remedies: NOTHING_WRITTEN }, given)
    wait.signal.throwIfAborted()
    return await writerOf(this.#session, this.name).add(delta, wait.signal)
  }

  async get(options?: CallControl): Promise<bigint> {
    const given = readOptions('get', CALL_CHECKS, options)
    return readNumber(this.name, await this.#session.client.kv.get(this.name, given)).value
  }
}
