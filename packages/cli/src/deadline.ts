import { CliError } from './errors/cli-error.ts'

/** How long a command is given to report why it was late, in milliseconds. */
const GRACE_MS = 500

/** The time of a command: aborts its signal when it is over, or when the command is interrupted. */
export class Deadline {
  readonly #timeoutMs: number
  readonly #abort = new AbortController()
  readonly #expired: Promise<never>
  #reject: (error: CliError) => void = () => {}
  #leftMs: number
  #since = 0
  #timer: NodeJS.Timeout | undefined
  #hasEnded = false

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

  /** Whether the clock stands. */
  get isPaused(): boolean {
    return this.#timer === undefined
  }

  /** Lets the clock go on. */
  resume(): void {
    if (this.#timer !== undefined || this.#hasEnded) return
    this.#since = performance.now()
    this.#timer = setTimeout(() => this.#expire(), Math.max(0, this.#leftMs) + GRACE_MS)
  }

  /** Ends the command. */
  interrupt(): void {
    const error = new CliError(130, 'Interrupted', { code: 'interrupted' })
    this.#abort.abort(error)
    // What was sent is settled first, which takes a moment.
    setTimeout(() => this.#reject(error), GRACE_MS)
  }

  /** Waits for a command, at most as long as there is time. */
  race<R>(work: Promise<R>): Promise<R> {
    return Promise.race([work, this.#expired])
  }

  end(): void {
    this.#hasEnded = true
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #expire(): void {
    const error = new CliError(124, `The command was not done within ${this.#timeoutMs / 1000} s`, {
      code: 'timeout',
      remedy: 'Raise --timeout, or see `livetree doctor`.',
    })
    this.#abort.abort(error)
    this.#reject(error)
  }
}
