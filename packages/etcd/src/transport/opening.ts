import type { Clock } from '../clock.ts'
import type { EtcdError } from '../errors.ts'

/**
 * Number of timers in a row that make a time limit: a busy process fires timers late and reads late what has arrived.
 * With a single timer, a process that opens many connections at once gives all of them up and opens them again, without end.
 */
const PARTS = 20

/** The way of one connection until it can carry calls: who waits for that, and for how long. */
export class Opening {
  readonly #clock: Clock
  #waiting: PromiseWithResolvers<void> | undefined
  #timer: unknown

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Limits the time, in milliseconds, until `settled` is called. */
  limit(ms: number, onLate: () => void): void {
    this.settled()
    const wait = (leftMs: number, parts: number): void => {
      // Node cuts a timer to whole milliseconds.
      const partMs = Math.ceil(leftMs / parts)
      const onPart = (): void => (leftMs <= partMs ? onLate() : wait(leftMs - partMs, parts - 1))
      this.#timer = this.#clock.setTimeout(onPart, partMs)
    }
    wait(ms, PARTS)
  }

  /** Whether the connection can be established is decided. */
  settled(): void {
    this.#clock.clearTimeout(this.#timer)
  }

  /** Resolves once the connection is open. The first caller has `begin` called. */
  wait(begin: () => void): Promise<void> {
    if (this.#waiting === undefined) {
      this.#waiting = Promise.withResolvers<void>()
      // The caller may have stopped waiting.
      this.#waiting.promise.catch(() => undefined)
      begin()
    }
    return this.#waiting.promise
  }

  succeed(): void {
    this.#waiting?.resolve()
    this.#waiting = undefined
  }

  fail(error: EtcdError): void {
    this.settled()
    this.#waiting?.reject(error)
    this.#waiting = undefined
  }
}
