import type { StaleEvent } from '../events/freshness-events.ts'
import type { Clock } from '../source/source.ts'
import { withoutStop } from '../thrown.ts'
import type { SourceState } from '../updates/source-state.ts'
import type { UpdateProcessor } from '../updates/update-processor.ts'

/** Options of `Freshness`. */
export interface FreshnessOptions {
  readonly clock: Clock
  readonly writer: Pick<UpdateProcessor<unknown>, 'servedFrom'>
  readonly sources: readonly SourceState[]
  /** How long a remote source may be silent before it counts as stale, in milliseconds. `Infinity`: for any time. */
  readonly staleAfterMs: number
  /** When the served snapshot on disk was proven, in ms since the Unix epoch; undefined if it is not known. */
  readonly servedProvenAt: () => number | undefined
  onStale(event: StaleEvent): void
  onLive(staleMs: number): void
}

/**
 * Decides whether the state in service is proven to be the newest. Only remote sources provide proof, and each must have
 * done so within `staleAfterMs`. A source that is disconnected for good makes the state stale immediately; any other
 * disconnection does so after `staleAfterMs`.
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

  /**
   * When the whole state in service was last proven, in ms since the Unix epoch. Without a remote source this is now;
   * undefined if there never was a proof.
   */
  get provenAt(): number | undefined {
    if (this.#options.writer.servedFrom !== 'sources') return this.#options.servedProvenAt()
    if (this.#remote.length === 0) return this.#options.clock.now()
    return Math.min(...this.#remote.map(({ provenAt }) => provenAt ?? 0))
  }

  /** Starts calling `onStale` and `onLive`. */
  start(): void {
    this.#isRunning = true
    this.check()
  }

  /** Checks again: after every call from a source, and when a grace period ends. */
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

  /** Sets one timer for the earliest possible end of a grace period. A later proof does not move it; it checks again then. */
  #arm(): void {
    const { clock, staleAfterMs } = this.#options
    if (this.#remote.length === 0 || staleAfterMs === Number.POSITIVE_INFINITY) return
    const endsAt = (this.provenAt ?? clock.now()) + staleAfterMs
    this.#timer = clock.setTimeout(
      () => {
        this.#timer = undefined
        this.check()
      },
      // At most `staleAfterMs`, even if the clock was set back.
      Math.min(Math.max(endsAt - clock.now(), 0), staleAfterMs) + 1,
    )
  }

  /** Whether any remote source is disconnected, even if the state is not stale yet. */
  get isLost(): boolean {
    return this.#remote.some(({ lastError }) => lastError !== undefined)
  }

  /** Lists the stores that have not delivered a tree, with the reason; empty once the sources are served. */
  get #missing(): string {
    if (this.#options.writer.servedFrom === 'sources') return ''
    const missing = this.#remote.filter(({ hasTree }) => !hasTree)
    const lines = missing.map(({ source, lastError }) => {
      return `${source.name}: ${lastError === undefined ? 'has not answered' : withoutStop(lastError.message)}`
    })
    return lines.length === 0 ? '' : `; ${lines.join('; ')}`
  }

  /** Why the state is stale, as text for people; undefined if it is proven or a disconnection is within its grace period. */
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
