import type { StaleEvent } from '../events/freshness-events.ts'
import type { Clock } from '../source/source.ts'
import type { SourceState } from '../updates/source-state.ts'
import type { UpdateProcessor } from '../updates/update-processor.ts'

export interface FreshnessOptions {
  readonly clock: Clock
  readonly writer: Pick<UpdateProcessor<unknown>, 'servedFrom'>
  readonly sources: readonly SourceState[]
  /** Silence of a remote source that is still taken for health, in milliseconds. */
  readonly staleAfterMs: number
  /** When the snapshot on disk was proven, while it is what is served. */
  readonly servedProvenAt: () => number | undefined
  onStale(event: StaleEvent): void
  onLive(staleMs: number): void
}

/**
 * Tells whether the state in service is proven to be the newest. Proof comes from remote sources alone: each must have
 * spoken within `staleAfterMs`. Contact that is lost for good counts at once, any other loss after the same grace.
 */
export class Freshness {
  readonly #options: FreshnessOptions
  readonly #remote: readonly SourceState[]
  #timer: unknown = undefined
  #staleSince: number | undefined = undefined
  #isRunning = false

  constructor(options: FreshnessOptions) {
    this.#options = options
    this.#remote = options.sources.filter(({ source }) => source.isRemote)
  }

  get isStale(): boolean {
    return this.#staleSince !== undefined
  }

  /** When all of the state in service was proven; now, where no source is remote; undefined if it never was. */
  get provenAt(): number | undefined {
    if (this.#options.writer.servedFrom !== 'sources') return this.#options.servedProvenAt()
    if (this.#remote.length === 0) return this.#options.clock.now()
    return Math.min(...this.#remote.map(({ provenAt }) => provenAt ?? 0))
  }

  /** From here on changes are told. */
  start(): void {
    this.#isRunning = true
    this.check()
  }

  /** Looks again: after every word of a source, and when a grace period ends. */
  check(): void {
    if (!this.#isRunning) return
    const { clock } = this.#options
    const { reason } = this
    if (reason !== undefined && this.#staleSince === undefined) {
      this.#staleSince = clock.now()
      this.#options.onStale(Object.freeze({ reason: `${reason}${this.#missing}`, provenAt: this.provenAt }))
    } else if (reason === undefined && this.#staleSince !== undefined) {
      const staleMs = Math.max(clock.now() - this.#staleSince, 0)
      this.#staleSince = undefined
      this.#options.onLive(staleMs)
    }
    if (this.#isRunning && this.#timer === undefined && this.#staleSince === undefined) this.#arm()
  }

  stop(): void {
    this.#isRunning = false
    this.#options.clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** One timer, set for the first grace period that could end; a later proof does not move it, it looks again then. */
  #arm(): void {
    const { clock, staleAfterMs } = this.#options
    if (this.#remote.length === 0 || staleAfterMs === Number.POSITIVE_INFINITY) return
    const endsAt = (this.provenAt ?? clock.now()) + staleAfterMs
    this.#timer = clock.setTimeout(
      () => {
        this.#timer = undefined
        this.check()
      },
      // never more than the whole of it, also where the clock was put back
      Math.min(Math.max(endsAt - clock.now(), 0), staleAfterMs) + 1,
    )
  }

  /** Contact with a store is lost, be it stale already or not. */
  get isLost(): boolean {
    return this.#remote.some(({ lastError }) => lastError !== undefined)
  }

  /** Which stores something else stands in for, and why; empty where their own state is in service. */
  get #missing(): string {
    if (this.#options.writer.servedFrom === 'sources') return ''
    const missing = this.#remote.filter(({ hasTree }) => !hasTree)
    const lines = missing.map(({ source, lastError }) => {
      return `${source.name}: ${lastError === undefined ? 'has not answered' : lastError.message}`
    })
    return lines.length === 0 ? '' : `; ${lines.join('; ')}`
  }

  /** Why the state is stale, for people; undefined when it is proven, or a loss is within its grace. */
  get reason(): string | undefined {
    const { clock, staleAfterMs, writer } = this.#options
    if (writer.servedFrom !== 'sources') return `served from ${SERVED_FROM[writer.servedFrom]}`
    for (const { source, isLostForGood, lastError, provenAt } of this.#remote) {
      if (isLostForGood) return `${source.name} is lost: ${lastError?.message}`
      if (clock.now() - (provenAt ?? 0) <= staleAfterMs) continue
      return `${source.name} has been silent for more than ${staleAfterMs} ms${lastError === undefined ? '' : `: ${lastError.message}`}`
    }
    return undefined
  }
}

const SERVED_FROM = {
  snapshot: 'the snapshot on disk',
  defaults: "the schema's defaults",
} as const
