import type { LiveConfig, Snapshot } from '@livetree/core'

/** At most this many states are kept while an app starts: the first one and the newest. */
const MOST_STATES = 1_000

/**
 * The states of a configuration while an app starts. Nest constructs modules and providers in parallel, so a provider may
 * have read any of these states. The first one is taken before the configuration is given to anybody.
 */
export class StartupRecord<T> {
  readonly config: LiveConfig<T>
  readonly #states: [first: Snapshot<T>, ...later: Snapshot<T>[]]
  readonly #stop: () => void

  /** @param config may be closed: a test that provides another one in its place still imports the module it was given to */
  constructor(config: LiveConfig<T>) {
    this.config = config
    this.#states = [config.snapshot()]
    this.#stop = config.health.state === 'closed' ? () => {} : this.#record()
  }

  #record(): () => void {
    return this.config.on('change', () => {
      if (this.#states.length === MOST_STATES) this.#states.splice(1, 1)
      this.#states.push(this.config.snapshot())
    })
  }

  /** The first state, then every later one in order. */
  get states(): readonly [first: Snapshot<T>, ...later: Snapshot<T>[]] {
    return this.#states
  }

  /** Ends the recording. Idempotent. */
  stop(): void {
    this.#stop()
  }
}
