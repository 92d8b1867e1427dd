import { CliError } from './errors/cli-error.ts'

/** How long a command is given to report why it was late, in milliseconds. */
const GRACE_MS = 500

/** How long a write may go on after that, in milliseconds: an admin asks the store for 5 s about the fate of a change. */
const SETTLE_MS = 7_000

/** What a command that is late reports. */
export interface LateWords {
  /** What was not done, such as `The command was not done`. */
  readonly what: string
  readonly remedy: string
}

const LATE: LateWords = {
  what: 'The command was not done',
  remedy: 'Raise --timeout, or see `livetree doctor`.',
}

/** The time of a command: aborts its signal when it is over, or when the command is interrupted. */
export class Deadline {
  readonly #timeoutMs: number
  readonly #abort = new AbortController()
  readonly #expired: Promise<never>
  #reject: (error: CliError) => void = () => {}
  #leftMs: number
  #since = 0
  #timer: NodeJS.Timeout | undefined
  #last: NodeJS.Timeout | undefined
  #isWriting = false
  #isAside = false
  #hasEnded = false
  #late: LateWords = LATE

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
    this.#leftMs = timeoutMs
    this.#expired = new Promise((_, reject) => {
      this.#reject = reject
    })
    this.#expired.catch(() => {})
    this.resume()
  }

  /** Aborted when the time is over, and when the command is interrupted. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** Milliseconds for a call that shall report its own failure before the command is over. At least 1. */
  get callMs(): number {
    const left = this.#leftMs - (this.#timer === undefined ? 0 : performance.now() - this.#since)
    return Math.max(1, Math.ceil(left))
  }

  /** Stops the clock, while a person thinks or a program is to run for as long as it does. */
  pause(): void {
    if (this.#timer === undefined) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#leftMs -= performance.now() - this.#since
  }

  /** Whether the clock stands while a person or another program is at work. */
  get isPaused(): boolean {
    return this.#timer === undefined && !this.#isAside
  }

  /** Lets the clock go on. */
  resume(): void {
    if (this.#timer !== undefined || this.#hasEnded) return
    this.#since = performance.now()
    this.#timer = setTimeout(() => this.#expire(), Math.max(0, this.#leftMs) + GRACE_MS)
  }

  /** Lets the clock go on with the whole time, after a person had a long one. */
  renew(): void {
    this.pause()
    this.#leftMs = this.#timeoutMs
    this.resume()
  }

  /** Ends the command: a write that was sent is settled first, unless this is called again. */
  interrupt(): void {
    if (this.#hasEnded) return
    const { aborted, reason } = this.#abort.signal
    if (aborted) this.#reject(reason as CliError)
    else this.#abandon(new CliError(130, 'Interrupted', { code: 'interrupted' }), GRACE_MS)
  }

  /** Ends the command by a failure from outside of it: a write that was sent is settled first. */
  fail(error: CliError): void {
    if (!this.#hasEnded && !this.#abort.signal.aborted) this.#abandon(error, 0)
  }

  /**
   * Does the writing of a command, which gets more time to learn the fate of its change. After that the command cannot be
   * late any more.
   */
  async write<R>(work: () => Promise<R>): Promise<R> {
    this.#isWriting = true
    try {
      const done = await work()
      this.end()
      return done
    } finally {
      this.#isWriting = false
    }
  }

  /** Does a part of the work, of which a command that is late meanwhile reports that it was late. */
  async part<R>(late: LateWords, work: () => Promise<R>): Promise<R> {
    this.#late = late
    try {
      return await this.race(work())
    } finally {
      this.#late = LATE
    }
  }

  /** Does work that has a limit of its own, in time that does not count. It can be interrupted, also after a write. */
  async aside<R>(work: () => Promise<R>): Promise<R> {
    const hadEnded = this.#hasEnded
    this.pause()
    this.#hasEnded = false
    this.#isAside = true
    try {
      return await work()
    } finally {
      this.#isAside = false
      this.#hasEnded = hadEnded
      this.resume()
    }
  }

  /** Waits for a command, at most as long as there is time. */
  race<R>(work: Promise<R>): Promise<R> {
    return Promise.race([work, this.#expired])
  }

  end(): void {
    this.#hasEnded = true
    clearTimeout(this.#timer)
    clearTimeout(this.#last)
    this.#timer = undefined
  }

  #expire(): void {
    const { what, remedy } = this.#late
    const seconds = this.#timeoutMs / 1_000
    this.#abandon(new CliError(124, `${what} within ${seconds} s`, { code: 'timeout', remedy }), 0)
  }

  #abandon(error: CliError, graceMs: number): void {
    this.#abort.abort(error)
    this.#last = setTimeout(() => this.#reject(error), this.#isWriting ? SETTLE_MS : graceMs)
  }
}
