import type { Candidates } from './candidates.ts'
import { choose } from './choose.ts'
import type { OutlierSettings, Policy } from './policy.ts'
import { makePlan, type Plan, type Target } from './plan.ts'
import { RetryBudget } from './retry-budget.ts'

/** What a choice may depend on. */
export interface PickRequest<T> {
  readonly zone: string | undefined
  /** For `ring-hash`. */
  readonly hashKey: string
  /** False for targets that must not be chosen, such as those that have failed this request. */
  readonly accepts: (target: T) => boolean
}

/** What a request says about its endpoint. A failure is one of connection, time or gateway, not an answer with 500. */
export type Verdict =
  | { readonly type: 'answered'; readonly latencyMs: number | undefined }
  | { readonly type: 'failed' }

/** What a `Balancer` gets from outside. */
export interface BalancerPorts {
  /** A random number from 0 to 1 (excluded). */
  readonly random: () => number
  /** Differs between processes. */
  readonly seed: number
}

/** Why nothing can be chosen. */
export type Unavailable = 'no_endpoints' | 'overloaded'

/**
 * Chooses endpoints and learns from how requests end. It has no clock: each call receives the time, in milliseconds of one
 * monotonic clock.
 */
export class Balancer<T extends Target> {
  readonly budget = new RetryBudget()
  readonly #ports: BalancerPorts
  #targets: readonly T[] = []
  #plans = new WeakMap<Policy, Map<string | undefined, Plan<T>>>()
  #inFlight = 0

  constructor(ports: BalancerPorts) {
    this.#ports = ports
  }

  /** Replaces the targets, or says that something about them has changed. */
  setTargets(targets: readonly T[]): void {
    this.#targets = targets
    this.#plans = new WeakMap()
  }

  /** Requests that are running. */
  get inFlight(): number {
    return this.#inFlight
  }

  isPanicking(policy: Policy, zone: string | undefined, now: number): boolean {
    return this.#plan(policy, zone, now).isPanicking
  }

  /** Chooses a target. The caller begins the request in the same turn. */
  pick(policy: Policy, { zone, hashKey, accepts }: PickRequest<T>, now: number): T | Unavailable {
    if (this.#inFlight >= policy.maxInFlight) return 'overloaded'
    const plan = this.#plan(policy, zone, now)
    const { random } = this.#ports
    const { maxInFlightPerEndpoint } = policy
    let isFull = false
    const acceptsWithin = (target: T): boolean => {
      if (!accepts(target)) return false
      if (target.load.inFlight < maxInFlightPerEndpoint) return true
      isFull = true
      return false
    }
    const choice = {
      policy,
      now,
      random,
      usualLatencyMs: plan.latencyMs,
      hashKey,
      turns: plan.turns,
      accepts: acceptsWithin,
    }
    for (const candidates of this.#order(plan)) {
      if (candidates.length === 0) continue
      const target = choose(candidates, choice)
      if (target !== undefined) return target
    }
    return isFull ? 'overloaded' : 'no_endpoints'
  }

  /** A request to the target begins. */
  begin(target: T, policy: Policy, now: number, isRetry: boolean): void {
    this.#inFlight += 1
    target.load.inFlight += 1
    target.load.picked += 1
    if (!isRetry) this.budget.earn(policy.retries.budgetShare, now)
  }

  /** A request to the target has ended, however; called exactly once after `begin`. */
  release(target: T): void {
    this.#inFlight -= 1
    target.load.inFlight -= 1
  }

  /** Learns from a request. Returns whether the target was set aside for it. */
  judge(target: T, policy: Policy, verdict: Verdict, now: number): boolean {
    const { load } = target
    const { outliers, decayMs, penaltyMs } = policy
    if (verdict.type === 'answered') {
      if (verdict.latencyMs !== undefined) load.measure(verdict.latencyMs, now, decayMs)
      load.succeed(now, outliers.windowMs)
      return false
    }
    load.measure(Math.max(penaltyMs, load.latencyMs(now, decayMs) ?? 0), now, decayMs)
    load.fail(now, outliers.windowMs)
    return this.#ejectIfOutlier(target, outliers, now)
  }

  #order({ local, localShare, other, unconfirmed }: Plan<T>): readonly Candidates<T>[] {
    const isLocal = localShare >= 1 || (localShare > 0 && this.#ports.random() < localShare)
    return isLocal ? [local, other, unconfirmed] : [other, local, unconfirmed]
  }

  #ejectIfOutlier(target: T, outliers: OutlierSettings, now: number): boolean {
    const { load } = target
    if (outliers.failuresInRow === 0 || load.isEjected(now) || !this.#isOutlier(target, outliers))
      return false
    const ready = this.#targets.filter(({ isUnconfirmed, isLeaving }) => !isUnconfirmed && !isLeaving)
    const ejected = ready.filter((one) => one.load.isEjected(now)).length
    if (ejected >= Math.max(1, Math.floor(ready.length * outliers.mostEjectedShare))) return false
    const healthyPeriods = Math.floor((now - load.ejectedUntil) / outliers.windowMs)
    load.ejections = Math.max(0, load.ejections - healthyPeriods) + 1
    load.eject(now, now + Math.min(outliers.longestEjectMs, outliers.ejectMs * load.ejections))
    this.#plans = new WeakMap()
    return true
  }

  #isOutlier({ load }: T, outliers: OutlierSettings): boolean {
    if (load.failuresInRow >= outliers.failuresInRow) return true
    const { count, failures } = load.window
    if (this.#targets.length < outliers.leastEndpoints || count < outliers.leastRequests) return false
    return failures >= count * outliers.failureShare
  }

  #plan(policy: Policy, zone: string | undefined, now: number): Plan<T> {
    const plans = this.#plans.get(policy) ?? new Map<string | undefined, Plan<T>>()
    const known = plans.get(zone)
    if (known !== undefined && now < known.validUntil) return known
    const plan = makePlan(this.#targets, policy, zone, now, this.#ports.seed)
    if (plans.size >= MOST_ZONES) plans.clear()
    if (known !== undefined) for (const [target, turn] of known.turns) plan.turns.set(target, turn)
    this.#plans.set(policy, plans.set(zone, plan))
    return plan
  }
}

/** Plans of so many zones are kept; a caller may ask for any zone. */
const MOST_ZONES = 100
