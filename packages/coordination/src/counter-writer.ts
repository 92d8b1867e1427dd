import { randomUUID } from 'node:crypto'
import { compare, type Entry, EtcdError, op } from '@livetree/etcd'
import { refuse } from './check-argument.ts'
import type { CoordinationError } from './errors.ts'
import { mayBeApplied, pause, pauseMs, sendAgain } from './send-again.ts'
import type { OpenSession } from './session.ts'

/** The outcome of one addition. */
export interface CounterResult {
  readonly value: bigint
  readonly previous: bigint
  /** The revision that wrote it. Additions of one process that wait at once share one. */
  readonly revision: number
}

/** What is known of the key of a counter. */
interface Known {
  readonly value: bigint
  readonly modRevision: number
}

/** A longer number takes too long to read. */
const MOST_DIGITS = 1_000
const BOUND = 10n ** BigInt(MOST_DIGITS)

/** True for a number that is not stored. */
export function isTooLong(value: bigint): boolean {
  return value >= BOUND || value <= -BOUND
}

/** The error for an addition that is not stored. */
export function tooLong(name: string): CoordinationError {
  return refuse(`the sum for ${name} has more than 1,000 digits; nothing was added`)
}

/**
 * The number that a key holds.
 *
 * @throws CoordinationError `invalid_argument` for anything but a whole number
 */
export function readNumber(name: string, entry: Entry | undefined): Known {
  if (entry === undefined) return { value: 0n, modRevision: 0 }
  const { text, modRevision } = entry
  if (text.length > MOST_DIGITS + 1 || !/^-?\d{1,1000}$/.test(text))
    throw refuse(`the key ${name} holds something else than a whole number`)
  return { value: BigInt(text), modRevision }
}

interface Addition {
  readonly delta: bigint
  readonly done: PromiseWithResolvers<CounterResult>
}

/** Several additions that are sent as one. */
interface Sum {
  readonly total: bigint
  readonly taken: readonly Addition[]
  /** Those that would make too long a number. */
  readonly refused: readonly Addition[]
}

function sumUp(from: bigint, additions: readonly Addition[]): Sum {
  const [taken, refused]: [Addition[], Addition[]] = [[], []]
  let total = from
  for (const addition of additions) {
    const isRefused = isTooLong(total + addition.delta)
    if (!isRefused) total += addition.delta
    const part = isRefused ? refused : taken
    part.push(addition)
  }
  return { total, taken, refused }
}

/**
 * Adds to one counter on behalf of one session. Each write also puts its operation number into a key of the session, the
 * mark. If an answer was lost, the request is sent again; if its condition then fails, the mark shows whether it was
 * applied. The mark is put before the first addition, so a missing mark was deleted by hand.
 */
export class CounterWriter {
  readonly #name: string
  readonly #session: OpenSession
  /** Tells the marks of two writers apart. */
  readonly #id = randomUUID()
  #markKey: string | undefined
  #waiting: Addition[] = []
  #isRunning = false
  #known: Known = { value: 0n, modRevision: 0 }
  #operation = 0
  /** What the mark holds; undefined if that is not known. */
  #mark: string | undefined

  constructor(session: OpenSession, name: string) {
    this.#session = session
    this.#name = name
  }

  /** Queues an addition; all that are queued are sent as one. `withdraw` removes it if it was not sent yet. */
  add(delta: bigint): { readonly promise: Promise<CounterResult>; readonly withdraw: () => void } {
    const addition = { delta, done: Promise.withResolvers<CounterResult>() }
    addition.done.promise.catch(() => undefined)
    this.#waiting.push(addition)
    if (!this.#isRunning) void this.#run()
    const withdraw = (): void => {
      this.#waiting = this.#waiting.filter((each) => each !== addition)
    }
    return { promise: addition.done.promise, withdraw }
  }

  /** Sends what waits, all at once, until nothing waits. */
  async #run(): Promise<void> {
    this.#isRunning = true
    while (this.#waiting.length > 0) {
      const batch = this.#waiting
      this.#waiting = []
      try {
        await this.#apply(batch)
      } catch (error) {
        this.#mark = undefined
        for (const { done } of batch) done.reject(error)
      }
    }
    this.#isRunning = false
  }

  async #apply(batch: readonly Addition[]): Promise<void> {
    const { signal } = this.#session
    for (let attempt = 0; ; attempt += 1) {
      const before = this.#mark ?? (await this.#begin())
      const { value, modRevision } = this.#known
      const sum = sumUp(value, batch)
      const revision =
        sum.taken.length > 0
          ? await this.#write(before, modRevision, sum.total)
          : await this.#isCurrent(modRevision)
      if (revision !== undefined) return settle(sum, value, revision, this.#name)
      if (attempt > 0) await pause(pauseMs(Math.min(attempt, 4)), signal)
    }
  }

  /** Puts a new mark and reads the number. */
  async #begin(): Promise<string> {
    const { client, control, lease, names, signal } = this.#session
    this.#markKey ??= names.take(`${this.#name}.by/`)
    const mark = this.#nextMark()
    const txn = client.kv.txn().then(op.put(this.#markKey, mark, { lease }), op.get(this.#name))
    const onError = (error: unknown): void => this.#session.noteError(error)
    const result = await sendAgain(() => txn.commit(control), { signal, onError })
    this.#known = readNumber(this.#name, result.succeeded ? result.results[1] : undefined)
    this.#mark = mark
    return mark
  }

  /** Writes the sum. Returns the revision of the write; undefined if somebody else changed the counter first. */
  async #write(before: string, modRevision: number, total: bigint): Promise<number | undefined> {
    const { client, control, lease, signal } = this.#session
    const markKey = this.#markKey ?? ''
    const mark = this.#nextMark()
    let lost: unknown
    const onError = (error: unknown): void => {
      if (mayBeApplied(error)) lost = error
      this.#session.noteError(error)
    }
    const txn = client.kv
      .txn()
      .if(compare.modRevision(this.#name, '=', modRevision))
      .then(op.put(this.#name, String(total)), op.put(markKey, mark, { lease }))
      .else(op.get(this.#name), op.get(markKey))
    const result = await sendAgain(() => txn.commit(control), { signal, onError }).catch((error: unknown) => {
      throw lost === undefined ? error : this.#unknown('the request could not be sent again', error)
    })
    if (result.succeeded) {
      this.#mark = mark
      this.#known = { value: total, modRevision: result.header.revision }
      return result.header.revision
    }
    const [found, marked] = result.results
    // The condition can never hold again, so what was sent before will not be applied any more.
    this.#mark = marked?.text === before || marked?.text === mark ? marked.text : undefined
    if (this.#mark === undefined && lost !== undefined)
      throw this.#unknown('the mark that would show it was deleted', lost)
    const isApplied = marked?.text === mark
    const known = isApplied ? undefined : readNumber(this.#name, found)
    this.#known = known ?? this.#known
    return isApplied ? marked.modRevision : undefined
  }

  /** Returns the current revision if the number has not changed. */
  async #isCurrent(modRevision: number): Promise<number | undefined> {
    const { client, control, signal } = this.#session
    const read = await sendAgain(() => client.kv.getRange({ key: this.#name, ...control }), {
      signal,
      isPatient: true,
    })
    this.#known = readNumber(this.#name, read.entries[0])
    return this.#known.modRevision === modRevision ? read.header.revision : undefined
  }

  #nextMark(): string {
    this.#operation += 1
    return `${this.#id}/${this.#operation}`
  }

  #unknown(why: string, cause: unknown): EtcdError {
    const what = `the answer to an addition to ${this.#name} was lost, and ${why}: it may have been applied`
    return new EtcdError('outcome_unknown', { what, cause })
  }
}

function settle({ taken, refused }: Sum, from: bigint, revision: number, name: string): void {
  let previous = from
  for (const { delta, done } of taken) {
    done.resolve({ previous, value: previous + delta, revision })
    previous += delta
  }
  for (const { done } of refused) done.reject(tooLong(name))
}
