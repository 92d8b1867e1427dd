import { monotonicNow } from '../clock.ts'
import type { EtcdError } from '../errors.ts'
import type { Connection } from './connection.ts'
import { Endpoint, type EndpointSettings } from './endpoint.ts'
import { PATIENCE_MS } from './patience.ts'
import { StoreIdentity } from './store-identity.ts'

/** Restricts the endpoints a call can use. */
export interface PickOptions {
  readonly tried?: { has(endpoint: Endpoint): boolean } | undefined
  /** URL of an endpoint to avoid if there is another. */
  readonly avoid?: string | undefined
  /** URLs of further endpoints to avoid. */
  readonly avoidAll?: ReadonlySet<string> | undefined
  /** The call is a read, which does no harm in another cluster. */
  readonly isRead?: boolean
}

/** Maximum number of endpoints outside of the rotation whose connections are kept. */
const MAX_OTHERS = 16

/** A connection over which nothing was received for less than this, in milliseconds, is not suspected. */
const QUIET_MS = 1_000

/** The endpoints of a cluster. Calls rotate through the connected ones and skip those that failed. */
export class Balancer {
  readonly #settings: EndpointSettings
  /** Identifies the cluster behind the endpoints. */
  readonly identity: StoreIdentity
  /** Endpoints in the rotation. */
  #endpoints: readonly Endpoint[]
  /** Endpoints outside of the rotation that calls requested by URL. */
  readonly #others = new Map<string, Endpoint>()
  /** Endpoints no longer in use, until their last socket is closed. */
  readonly #left = new Set<Endpoint>()
  #closed: EtcdError | undefined
  #turn = 0

  constructor(urls: readonly string[], settings: EndpointSettings) {
    this.#settings = { ...settings, onSilent: () => this.#askQuiet() }
    this.identity = new StoreIdentity(this, settings.logger, () => monotonicNow(settings.clock))
    this.#endpoints = urls.map((url) => this.#create(url))
  }

  /** Endpoints in the rotation. */
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
   * Returns the next endpoint in the rotation that is not in `tried` and is ready; if none is ready, the one
   * most likely to be, with those that failed recently last. A failed endpoint that is skipped reconnects in
   * the background once its pause is over, so that no call has to wait for it. Returns `undefined` if all
   * were tried.
   */
  pick({ tried, avoid, avoidAll, isRead = false }: PickOptions): Endpoint | undefined {
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
      const isAvoided = each.url === avoid || avoidAll?.has(each.url)
      const penalty = (isAvoided ? AVOIDED : 0) + readiness * PER_CLASS + rest
      if (penalty >= bestPenalty) continue
      best = each
      bestPenalty = penalty
      if (penalty === 0) break
    }
    if (toProbe !== undefined && toProbe !== best && best?.isReady) toProbe.probe()
    return best
  }

  /**
   * A connection was left because a call waited for this long in vain, in milliseconds. Whatever broke it may have broken
   * others, too: those that have been as silent are left as well if they leave a ping unanswered.
   */
  leaveQuiet(forMs: number): void {
    for (const each of this.#quiet(Math.max(forMs, QUIET_MS))) each.peer.doubt(() => each.leave())
  }

  /** A connection leaves a ping unanswered: others are pinged now, so that they need not be once a call is late. */
  #askQuiet(): void {
    for (const each of this.#quiet(PATIENCE_MS)) each.peer.ask()
  }

  /** The connections over which nothing was answered for this long, in milliseconds. */
  #quiet(forMs: number): Connection[] {
    const since = monotonicNow(this.#settings.clock) - forMs
    const all = [...this.#endpoints, ...this.#others.values()]
    return all.map((each) => each.quietConnection(since)).filter((each) => each !== undefined)
  }

  /** The endpoint with this URL, created if it is not in the rotation. */
  named(url: string): Endpoint {
    const known = this.#endpoints.find((each) => each.url === url) ?? this.#others.get(url)
    if (known !== undefined) return known
    this.#forgetOthers()
    const created = this.#create(url)
    this.#others.set(url, created)
    return created
  }

  /**
   * Replaces the rotation. Remaining endpoints keep their connections; removed ones finish their calls first.
   */
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

  /**
   * Ends all calls with this error and resolves when every socket is closed. Endpoints created later are
   * closed, too.
   */
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

/** Larger than any pause in milliseconds. */
const PER_CLASS = 1e12
const AVOIDED = 1e14
