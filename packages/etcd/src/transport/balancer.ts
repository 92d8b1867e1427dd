import { monotonicNow } from '../clock.ts'
import type { Logger } from '../logger.ts'
import type { BackoffOptions } from './backoff.ts'
import type { ConnectionSettings } from './connection.ts'
import { Endpoint } from './endpoint.ts'
import { StoreIdentity } from './store-identity.ts'

/** Which endpoint a call can use. */
export interface PickOptions {
  readonly tried?: { has(endpoint: Endpoint): boolean } | undefined
  /** The URL of an endpoint not to take if another is there. */
  readonly avoid?: string | undefined
  /** It does no harm in a cluster other than the one in hand. */
  readonly isRead?: boolean
}

/** The endpoints of a cluster. Calls go round them in turn, past those that failed a moment ago. */
export class Balancer {
  readonly #settings: ConnectionSettings
  readonly #backoff: BackoffOptions
  /** Endpoints in the rotation. */
  #endpoints: readonly Endpoint[]
  /** Endpoints asked for by name that are not in the rotation. */
  readonly #others = new Map<string, Endpoint>()
  #turn = 0
  /** Whose endpoints these are. */
  readonly identity: StoreIdentity

  constructor(
    urls: readonly string[],
    settings: ConnectionSettings,
    backoff: BackoffOptions,
    logger: Logger,
  ) {
    this.#settings = settings
    this.identity = new StoreIdentity(this, logger, () => monotonicNow(settings.clock))
    this.#backoff = backoff
    this.#endpoints = urls.map((url) => this.#create(url))
  }

  /** Those in the rotation. */
  get endpoints(): readonly Endpoint[] {
    return this.#endpoints
  }

  get urls(): readonly string[] {
    return this.#endpoints.map((each) => each.url)
  }

  get size(): number {
    return this.#endpoints.length
  }

  /**
   * The next endpoint in turn that is not in `tried`. Those that rest after a failure come last, the one that has
   * rested longest first. `undefined` when all were tried.
   */
  pick({ tried, avoid, isRead = false }: PickOptions): Endpoint | undefined {
    const count = this.#endpoints.length
    const start = this.#turn
    this.#turn = count === 0 ? 0 : (start + 1) % count
    let best: Endpoint | undefined
    let bestRest = Number.POSITIVE_INFINITY
    const now = monotonicNow(this.#settings.clock)
    for (let step = 0; step < count; step += 1) {
      const each = this.#endpoints[(start + step) % count]!
      if (tried?.has(each) || this.identity.isLeftOut(each, isRead)) continue
      const rest = each.restsUntil > now ? each.restsUntil : 0
      const penalty = each.url === avoid ? rest + Number.MAX_SAFE_INTEGER / 2 : rest
      if (penalty === 0) return each
      if (penalty < bestRest) {
        best = each
        bestRest = penalty
      }
    }
    return best
  }

  /** The endpoint with this URL, in the rotation or not. */
  named(url: string): Endpoint {
    const known = this.#endpoints.find((each) => each.url === url) ?? this.#others.get(url)
    if (known !== undefined) return known
    const created = this.#create(url)
    this.#others.set(url, created)
    return created
  }

  /** Replaces the rotation. Endpoints that stay keep their connections; those that go finish their calls first. */
  replace(urls: readonly string[]): void {
    const before = this.#endpoints
    this.#endpoints = [...new Set(urls)].map((url) => {
      const known = before.find((each) => each.url === url) ?? this.#others.get(url)
      this.#others.delete(url)
      return known ?? this.#create(url)
    })
    for (const each of before) if (!this.#endpoints.includes(each)) each.retire()
    this.#turn = 0
    this.identity.settle()
  }

  async close(error: Error): Promise<void> {
    await Promise.all([...this.#endpoints, ...this.#others.values()].map((each) => each.close(error)))
  }

  #create(url: string): Endpoint {
    return new Endpoint(url, this.#settings, this.#backoff)
  }
}
