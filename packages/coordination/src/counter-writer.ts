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
  /** Aborts when its caller gives up. */
  readonly signal: AbortSignal
  readonly done: PromiseWithResolvers<CounterResult>
  /** True once a request may have been applied that adds it. */
  mayBeApplied: boolean
}

/** Several additions that are sent as one. */
interface Sum {
  readonly total: bigint
  readonly taken: readonly Addition[]
  /** Those that would make too long a number. */
  readonly refused: readonly Addition[]
}

/** What was written at which revision. */
interface Written {
  readonly sum: Sum
  readonly revision: number | undefined
}

const NOT_WRITTEN: Written = { sum: { total: 0n, taken: [], refused: [] }, revision: undefined }

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
  /** The request in progress, and those that it adds. */
  #sending: { readonly taken: readonly Addition[]; readonly stop: AbortController } | undefined
  #known: Known = { value: 0n, modRevision: 0 }
  #operation = 0
  /** What the mark holds; undefined if that is not known. */
  #mark: string | undefined

  constructor(session: OpenSession, name: string) {
    this.#session = session
    this.#name = name
  }

  /**
   * Queues an addition; all that are queued are sent as one. One whose signal aborts is not sent any more.
   *
   * @throws the reason of the signal if it was not applied, nor will be; else EtcdError `outcome_unknown`
   */
  async add(delta: bigint, signal: AbortSignal): Promise<CounterResult> {
    const addition = { delta, signal, done: Promise.withResolvers<CounterResult>(), mayBeApplied: false }
    const onAbort = (): void => this.#giveUp(addition)
    signal.addEventListener('abort', onAbort, { once: true })
    this.#waiting.push(addition)
    if (!this.#isRunning) void this.#run()
    try {
      return await addition.done.promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** A request in progress that adds it is cancelled: the end of the request says whether it may have been applied. */
  #giveUp(addition: Addition): void {
    this.#waiting = this.#waiting.filter((each) => each !== addition)
    if (this.#sending?.taken.includes(addition) === true) this.#sending.stop.abort()
    else this.#endGivenUp([addition])
  }

  /** Rejects those whose caller has given up. Returns the others. */
  #endGivenUp(additions: readonly Addition[]): readonly Addition[] {
    for (const { signal, done, mayBeApplied } of additions) {
      if (!signal.aborted) continue
      done.reject(mayBeApplied ? this.#unknown('its caller gave up', signal.reason) : signal.reason)
    }
    return additions.filter(({ signal }) => !signal.aborted)
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
        for (const addition of batch) addition.done.reject(this.#failure(addition, error))
      }
    }
    this.#isRunning = false
  }

  async #apply(batch: readonly Addition[]): Promise<void> {
    const { signal } = this.#session
    for (let attempt = 0; ; attempt += 1) {
      const before = this.#mark ?? (await this.#begin())
      const left = this.#endGivenUp(batch)
      if (left.length === 0) return
      const { value, modRevision } = this.#known
      const sum = sumUp(value, left)
      const written =
        sum.taken.length > 0
          ? await this.#write(before, left)
          : { sum, revision: await this.#isCurrent(modRevision) }
      if (written.revision !== undefined) return this.#settle(written.sum, value, written.revision)
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

  /** Writes the sum. The revision is undefined if somebody else changed the counter first, or nothing is left to write. */
  async #write(before: string, additions: readonly Addition[]): Promise<Written> {
    const { signal } = this.#session
    const tried = new Map<string, Sum>()
    const sent = await sendAgain(() => this.#send(additions, tried), { signal })
    if (sent === undefined) {
      this.#mark = undefined
      return NOT_WRITTEN
    }
    const { result, mark, sum } = sent
    if (result.succeeded) {
      this.#mark = mark
      this.#known = { value: sum.total, modRevision: result.header.revision }
      return { sum, revision: result.header.revision }
    }
    const [found, marked] = result.results
    // The condition can never hold again, so what was sent before will not be applied any more.
    const applied = marked === undefined ? undefined : tried.get(marked.text)
    this.#mark = applied !== undefined || marked?.text === before ? marked?.text : undefined
    if (this.#mark === undefined && additions.some(({ mayBeApplied }) => mayBeApplied))
      throw this.#unknown('the mark that would show it was deleted')
    if (applied !== undefined) return { sum: applied, revision: marked?.modRevision }
    for (const addition of additions) addition.mayBeApplied = false
    this.#known = readNumber(this.#name, found)
    return NOT_WRITTEN
  }

  /**
   * Sends the sum of those whose caller has not given up, again whenever one gives up before it is answered. Each request has
   * a mark of its own, so that the mark in the store shows which of them was applied. Undefined if nothing is left to write.
   */
  async #send(additions: readonly Addition[], tried: Map<string, Sum>) {
    const { client, control, lease, signal } = this.#session
    const { value, modRevision } = this.#known
    const markKey = this.#markKey ?? ''
    for (;;) {
      signal.throwIfAborted()
      const sum = sumUp(value, this.#endGivenUp(additions))
      if (sum.taken.length === 0) return undefined
      const mark = this.#nextMark()
      tried.set(mark, sum)
      const stop = new AbortController()
      this.#sending = { taken: sum.taken, stop }
      const txn = client.kv
        .txn()
        .if(compare.modRevision(this.#name, '=', modRevision))
        .then(op.put(this.#name, String(sum.total)), op.put(markKey, mark, { lease }))
        .else(op.get(this.#name), op.get(markKey))
      try {
        return { result: await txn.commit({ ...control, signal: stop.signal }), mark, sum }
      } catch (error) {
        if (mayBeApplied(error)) for (const addition of sum.taken) addition.mayBeApplied = true
        this.#session.noteError(error)
        if (!stop.signal.aborted) throw error
      } finally {
        this.#sending = undefined
      }
    }
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

  #settle({ taken, refused }: Sum, from: bigint, revision: number): void {
    let previous = from
    for (const { delta, done } of taken) {
      done.resolve({ previous, value: previous + delta, revision })
      previous += delta
    }
    for (const addition of refused) addition.done.reject(this.#failure(addition, tooLong(this.#name)))
  }

  /** The error of an addition whose request failed with `error`. */
  #failure({ mayBeApplied }: Addition, error: unknown): unknown {
    const isKept = error instanceof EtcdError && error.code === 'outcome_unknown'
    return mayBeApplied && !isKept ? this.#unknown('the request could not be sent again', error) : error
  }

  #unknown(why: string, cause?: unknown): EtcdError {
    const what = `an addition to ${this.#name} was sent, its answer was lost, and ${why}: it may have been applied`
    return new EtcdError('outcome_unknown', { what, cause, remedy: 'Read the counter before you add again.' })
  }
}
