import type { Clock } from '@livetree/etcd'
import { pause, within } from '../wait.ts'

/** What a `HealthCheck` needs. */
export interface HealthCheckOptions {
  readonly check: () => unknown
  readonly checkMs: number
  readonly failures: number
  readonly clock: Clock
  /** Called when the health has changed. */
  readonly onChange: (isHealthy: boolean, error: unknown) => void
}

/** Calls a user's check again and again. Healthy at first, unhealthy after a given number of failures in a row. */
export class HealthCheck {
  readonly #options: HealthCheckOptions
  readonly #closed = new AbortController()

  constructor(options: HealthCheckOptions) {
    this.#options = options
    void this.#run()
  }

  close(): void {
    this.#closed.abort()
  }

  async #run(): Promise<void> {
    const { checkMs, failures, clock, onChange } = this.#options
    const { signal } = this.#closed
    let failed = 0
    for (;;) {
      await pause(clock, checkMs, signal)
      if (signal.aborted) return
      const error = await this.#failure(signal)
      if (signal.aborted) return
      const before = failed
      failed = error === undefined ? 0 : failed + 1
      if (before < failures && failed >= failures) onChange(false, error)
      if (before >= failures && failed === 0) onChange(true, undefined)
    }
  }

  /** Why the check has failed; undefined if it has not. */
  async #failure(signal: AbortSignal): Promise<unknown> {
    const { check, checkMs, clock } = this.#options
    try {
      const outcome = await within(clock, checkMs, Promise.resolve().then(check), signal)
      if (outcome.type !== 'done') return new Error(`the check took longer than ${checkMs} ms`)
      return outcome.value === false ? new Error('the check returned false') : undefined
    } catch (error) {
      return error ?? new Error('the check has thrown nothing')
    }
  }
}
