import { channel } from 'node:diagnostics_channel'
import type { Unavailable, Verdict } from '../balance/balancer.ts'
import type { Policy } from '../balance/policy.ts'
import type { Member } from '../view/member.ts'
import { type OpenPool, roomOf } from '../service/pools.ts'
import type { ServiceCore } from '../service/service-core.ts'
import { deepFrozen } from '../deep-frozen.ts'

const PICKED = channel('livetree.discovery:pick')

/** Who asks a service for endpoints, and by which rules. */
export interface RouteTargetOptions {
  readonly core: ServiceCore
  readonly policy: Policy
  readonly zone: string | undefined
  /** False for members that this caller does not use, because their metadata does not fit. */
  readonly accepts: (member: Member) => boolean
}

/** What a choice of a request depends on. */
export interface Choosing {
  /** Members that have failed the request. */
  readonly tried: readonly Member[]
  readonly hashKey: string
  /** Only members with TLS may be chosen. */
  readonly isSecure: boolean
}

/** A service as one request sees it: its policy stays the same from the first attempt to the last. */
export class RouteTarget {
  readonly policy: Policy
  readonly #core: ServiceCore
  readonly #zone: string | undefined
  readonly #accepts: (member: Member) => boolean

  constructor({ core, policy, zone, accepts }: RouteTargetOptions) {
    this.policy = policy
    this.#core = core
    this.#zone = zone
    this.#accepts = accepts
  }

  /** Whether it can be used again for a service and a policy. */
  isFor(core: ServiceCore, policy: Policy): boolean {
    return core === this.#core && policy === this.policy
  }

  get service(): string {
    return this.#core.service
  }

  now(): number {
    return this.#core.now()
  }

  wallNow(): number {
    return this.#core.wallNow()
  }

  /** Chooses a member that has not been tried. The caller begins the request in the same turn. */
  pick({ tried, hashKey, isSecure }: Choosing): Member | Unavailable {
    if (this.#core.isClosed) return 'no_endpoints'
    const accepts = isSecure ? this.#acceptsSecure : this.#accepts
    const request = { zone: this.#zone, hashKey, accepts, tried, hasRoom: this.#hasRoom }
    return this.#core.balancer.pick(this.policy, request, this.now())
  }

  /** A request to a member begins. Returns when. */
  begin(member: Member, isRetry: boolean): number {
    const now = this.now()
    this.#core.balancer.begin(member, this.policy, now, isRetry)
    if (PICKED.hasSubscribers) {
      const { id, address } = member
      PICKED.publish(deepFrozen({ service: this.#core.service, id, address, isRetry }))
    }
    return now
  }

  release(member: Member): void {
    this.#core.balancer.release(member)
  }

  judge(member: Member, verdict: Verdict): void {
    this.#core.judge(member, this.policy, verdict)
  }

  /** No connection to the member could be made. */
  noteUnreachable(member: Member): void {
    this.#core.watch.noteUnreachable(member)
  }

  poolOf(member: Member): Pick<OpenPool, 'origin' | 'pool' | 'serverName'> {
    return this.#core.pools.get(member, this.#core.protocolOf(member), this.policy)
  }

  spendRetry(): boolean {
    return this.#core.balancer.budget.spend(this.policy.retries.budgetPerSecond, this.now())
  }

  /** Waits until a member can be chosen. Returns whether one can. */
  async waitForEndpoint(choosing: Choosing, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    const until = this.now() + timeoutMs
    for (;;) {
      if (typeof this.pick(choosing) !== 'string') return true
      const left = until - this.now()
      if (left <= 0 || signal.aborted || this.#core.isClosed) return false
      await this.#core.changed(left, signal)
    }
  }

  /** Why there is no endpoint. */
  explain(isSecure = false): string {
    return `${this.#core.explain()}${isSecure ? "; https:// needs one with protocol 'https'" : ''}`
  }

  readonly #hasRoom = (member: Member): boolean =>
    member.load.inFlight < roomOf(this.#core.protocolOf(member), this.policy)

  readonly #acceptsSecure = (member: Member): boolean =>
    this.#core.protocolOf(member) === 'https' && this.#accepts(member)
}
