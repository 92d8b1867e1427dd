import { monotonicNow } from '../clock.ts'
import type { EtcdError } from '../errors.ts'
import { Endpoint, type EndpointSettings } from './endpoint.ts'
import { StoreIdentity } from './store-identity.ts'

/** Which endpoint a call can use. */
export interface PickOptions {
  readonly tried?: { has(endpoint: Endpoint): boolean } | undefined
  /** The URL of an endpoint not to take if another is there. */
  readonly avoid?: string | undefined
  /** It does no harm in a cluster other than the one in hand. */
  readonly isRead?: boolean
}

/** Endpoints outside of the rotation whose connections are kept for the next call. */
const MAX_OTHERS = 16

/** The endpoints of a cluster. Calls go round those that are connected, past those that failed. */
export class Balancer {
  readonly #settings: EndpointSettings
  /** Whose endpoints these are. */
  readonly identity: StoreIdentity
  /** Endpoints in the rotation. */
  #endpoints: readonly Endpoint[]
  /** Endpoints asked for by name that are not in the rotation. */
  readonly #others = new Map<string, Endpoint>()
  /** Endpoints that are in use no more, until their last socket is closed. */
  readonly #left = new Set<Endpoint>()
  #closed: EtcdError | undefined
  #turn = 0

  constructor(urls: readonly string[], settings: EndpointSettings) {
    this.#settings = settings
    this.identity = new StoreIdentity(this, settings.logger, () => monotonicNow(settings.clock))
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
   * The next endpoint in turn that is not in `tried` and would serve at once; where there is none, the one that is the
   * likeliest to, those that rest last. One that is passed over because it has failed is connected in the background,
   * once its rest is over, so that no call has to wait for it. `undefined` when all were tried.
   */
  pick({ tried, avoid, isRead = false }: PickOptions): Endpoint | undefined {
    const count = this.#endpoints.length
    const start = this.#turn
    this.#turn = count === 0 ? 0 : (start + 1) % count
    let best: Endpoint | undefined
    let bestPenalty = Number.POSITIVE_INFINITY
    let toProbe: Endpoint | undefined
    const now = monotonicNow(this.#settings.clock)
    for (let step = 0; step < count; step += 1) {
      const each = this.#endpoints[(start + step) % count]!
      if (tried?.has(each) || this.identity.isLeftOut(each, isRead)) continue
      const readiness = each.readiness(now)
      if (readiness === 2) toProbe ??= each
      const rest = readiness === 3 ? each.restsUntil - now : 0
      const penalty = (each.url === avoid ? AVOIDED : 0) + readiness * PER_CLASS + rest
      if (penalty >= bestPenalty) continue
      best = each
      bestPenalty = penalty
      if (penalty === 0) break
    }
    if (toProbe !== undefined && toProbe !== best && best?.isReady) toProbe.probe()
    return best
  }

  /** The endpoint with this URL, in the rotation or not. */
  named(url: string): Endpoint {
    const known = this.#endpoints.find((each) => each.url === url) ?? this.#others.get(url)
    if (known !== undefined) return known
    this.#forgetOthers()
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
    for (const each of before) if (!this.#endpoints.includes(each)) this.#retire(each)
    this.#turn = 0
    this.identity.settle()
  }

  /** Ends all calls with this error; resolves when every socket is closed. Endpoints made later are closed, too. */
  async close(error: EtcdError): Promise<void> {
    this.#closed = error
    const all = [...this.#endpoints, ...this.#others.values(), ...this.#left]
    await Promise.all(all.map((each) => each.close(error)))
  }

  #forgetOthers(): void {
    for (const [url, each] of this.#others) {
      if (this.#others.size < MAX_OTHERS) return
      if (!each.isIdle) continue
      this.#others.delete(url)
      this.#retire(each)
    }
  }

  #create(url: string): Endpoint {
    const created = new Endpoint(url, this.#settings)
    if (this.#closed !== undefined) void created.close(this.#closed)
    return created
  }

  #retire(endpoint: Endpoint): void {
    endpoint.retire()
    for (const each of this.#left) if (each.isClosed) this.#left.delete(each)
    this.#left.add(endpoint)
  }
}

/** More than any rest, in milliseconds. */
const PER_CLASS = 1e12
const AVOIDED = 1e14
