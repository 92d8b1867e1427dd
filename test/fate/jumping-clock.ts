import type { EtcdClientOptions } from '@livetree/etcd'

type Clock = NonNullable<EtcdClientOptions['clock']>

interface Timer {
  readonly dueAt: number
  readonly run: () => void
  handle: NodeJS.Timeout | undefined
}

/** The machine's clock, whose time can be set ahead: all that is due by then runs at once. */
export class JumpingClock implements Clock {
  readonly #timers = new Set<Timer>()
  #aheadMs = 0

  now(): number {
    return Date.now() + this.#aheadMs
  }

  monotonicNow(): number {
    return performance.now() + this.#aheadMs
  }

  setTimeout(run: () => void, ms: number): unknown {
    const timer: Timer = { dueAt: this.monotonicNow() + ms, run, handle: undefined }
    this.#timers.add(timer)
    timer.handle = setTimeout(() => this.#fire(timer), ms).unref()
    return timer
  }

  clearTimeout(timer: unknown): void {
    if (!this.#timers.delete(timer as Timer)) return
    clearTimeout((timer as Timer).handle)
  }

  jump(ms: number): void {
    this.#aheadMs += ms
    const now = this.monotonicNow()
    const due = [...this.#timers].filter(({ dueAt }) => dueAt <= now).sort((a, b) => a.dueAt - b.dueAt)
    for (const timer of due) this.#fire(timer)
  }

  #fire(timer: Timer): void {
    if (!this.#timers.delete(timer)) return
    clearTimeout(timer.handle)
    timer.run()
  }
}
