import type { Candidates } from './candidates.ts'
import { type Choice, choose, costByLatency } from './choose.ts'
import type { OutlierSettings, Policy } from './policy.ts'
import { isUsable, makePlan, type Plan, type Target } from './plan.ts'
import { RetryBudget } from './retry-budget.ts'

/** What a choice may depend on. */
export interface PickRequest<T> {
  readonly zone: string | undefined
  /** For `ring-hash`. */
  readonly hashKey: string
  /** False for targets that must not be chosen. */
  readonly accepts: (target: T) => boolean
  /** False for targets whose connections are all busy. Default: all have free ones. */
  readonly hasRoom?: (target: T) => boolean
  /** Targets that have failed this request, the last one last: none is chosen again. Default none. */
  readonly tried?: readonly T[]
}

/** What a request says about its endpoint. A failure is one of connection, time or gateway, not an answer with 500. */
export type Verdict =
  | { readonly type: 'answered'; readonly latencyMs: number | undefined }
  | { readonly type: 'failed' }
  /** The caller gave up without an answer after `waitedMs`, in milliseconds. */
  | { readonly type: 'abandoned'; readonly waitedMs: number }

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
  /** What was asked for last: mostly it is asked for again. */
  #last: { readonly policy: Policy; readonly zone: string | undefined; readonly plan: Plan<T> } | undefined
  #inFlight = 0

  constructor(ports: BalancerPorts) {
    this.#ports = ports
  }

  /** Replaces the targets, or says that something about them has changed. */
  setTargets(targets: readonly T[]): void {
    this.#targets = targets
    this.#forgetPlans()
  }

  #forgetPlans(): void {
    this.#plans = new WeakMap()
    this.#last = undefined
  }

  /** Requests that are running. */
  get inFlight(): number {
    return this.#inFlight
  }

  isPanicking(policy: Policy, zone: string | undefined, now: number): boolean {
    return this.#plan(policy, zone, now).isPanicking
  }

  /**
   * Chooses a target. The caller begins the request in the same turn. Failed targets are chosen last, but they are chosen: it is
   * unknown whether the others work.
   */
  pick(policy: Policy, request: PickRequest<T>, now: number): T | Unavailable {
    const { zone, hashKey, accepts, hasRoom = always, tried = NOBODY } = request
    if (this.#inFlight >= policy.maxInFlight) return 'overloaded'
    const plan = this.#plan(policy, zone, now)
    const { isPanicking, latencyMs: usualLatencyMs, turns } = plan
    const { random } = this.#ports
    const { maxInFlightPerEndpoint } = policy
    const failed = tried.at(-1)
    let isFull = false
    const acceptsAny = (target: T): boolean => {
      if ((failed !== undefined && tried.includes(target)) || !accepts(target)) return false
      if (target.load.inFlight < maxInFlightPerEndpoint) return true
      isFull = true
      return false
    }
    const choiceOf = (accepts: (target: T) => boolean): Choice<T> => {
      return { policy, now, random, usualLatencyMs, hashKey, turns, accepts, hasRoom }
    }
    const usable = choiceOf((target) => isUsable(target, policy, isPanicking, now) && acceptsAny(target))
    const [first, second] = this.#zones(plan, zone, failed)
    if (failed !== undefined) {
      const faultless = choiceOf((target) => target.load.failuresInRow === 0 && usable.accepts(target))
      const other = firstOf(first, faultless) ?? firstOf(second, faultless)
      if (other !== undefined) return other
    }
    let target = firstOf(first, usable)
    const isFirst = target !== undefined
    target ??= firstOf(second, usable)
    if (target !== undefined) {
      if (target.load.failuresInRow === 0) return target
      const rivals: Rivals<T>[] = isFirst ? [[second, usable]] : []
      if (failed !== undefined) rivals.push([plan.all, choiceOf(acceptsAny)])
      return cheapest(target, [isFirst ? first : second, usable], rivals)
    }
    const unconfirmed = firstOf(plan.unconfirmed, usable)
    if (unconfirmed !== undefined) return unconfirmed
    if (isFull) return 'overloaded'
    return firstOf(plan.all, choiceOf(acceptsAny)) ?? (isFull ? 'overloaded' : 'no_endpoints')
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
      const sentAt = verdict.latencyMs === undefined ? undefined : now - verdict.latencyMs
      if (load.succeed(now, outliers.windowMs, sentAt)) this.#forgetPlans()
      return false
    }
    if (verdict.type === 'abandoned') {
      const expectedMs = load.latencyMs(now, decayMs) ?? this.#plan(policy, undefined, now).latencyMs
      if (verdict.waitedMs > expectedMs) load.measure(verdict.waitedMs, now, decayMs)
      return false
    }
    load.measure(Math.max(penaltyMs, load.latencyMs(now, decayMs) ?? 0), now, decayMs)
    load.fail(now, outliers.windowMs)
    return this.#ejectIfOutlier(target, outliers, now)
  }

  /** The endpoints of the own zone and those of the others, in the order of this choice: what fails may be a whole zone. */
  #zones(
    { local, localShare, other }: Plan<T>,
    zone: string | undefined,
    failed: T | undefined,
  ): readonly [Candidates<T>, Candidates<T>] {
    const isLocal =
      failed === undefined
        ? localShare >= 1 || (localShare > 0 && this.#ports.random() < localShare)
        : failed.zone !== zone
    return isLocal ? [local, other] : [other, local]
  }

  /** Ejects an outlier while the cap allows it; beyond, one that only fails is avoided. */
  #ejectIfOutlier(target: T, outliers: OutlierSettings, now: number): boolean {
    const { load } = target
    if (outliers.failuresInRow === 0 || load.isAvoided(now) || !this.#isOutlier(target, outliers))
      return false
    if (load.isEjected(now) || !this.#mayEject(outliers, now)) {
      // Plans that count on it stay valid: each choice asks whether a target is avoided.
      if (load.failuresInRow >= outliers.failuresInRow) load.avoid(now, outliers.ejectMs)
      return false
    }
    const healthyPeriods = Math.floor((now - load.ejectedUntil) / outliers.windowMs)
    load.ejections = Math.max(0, load.ejections - healthyPeriods) + 1
    load.eject(now, now + Math.min(outliers.longestEjectMs, outliers.ejectMs * load.ejections))
    this.#forgetPlans()
    return true
  }

  #mayEject({ mostEjectedShare }: OutlierSettings, now: number): boolean {
    const ready = this.#targets.filter(({ isUnconfirmed, isLeaving }) => !isUnconfirmed && !isLeaving)
    const ejected = ready.filter(({ load }) => load.isEjected(now)).length
    return ejected < Math.max(1, Math.floor(ready.length * mostEjectedShare))
  }

  #isOutlier({ load }: T, outliers: OutlierSettings): boolean {
    if (load.failuresInRow >= outliers.failuresInRow) return true
    const { count, failures } = load.window
    if (this.#targets.length < outliers.leastEndpoints || count < outliers.leastRequests) return false
    return failures >= count * outliers.failureShare
  }

  #plan(policy: Policy, zone: string | undefined, now: number): Plan<T> {
    const last = this.#last
    if (last !== undefined && last.policy === policy && last.zone === zone && now < last.plan.validUntil)
      return last.plan
    const plan = this.#planFor(policy, zone, now)
    this.#last = { policy, zone, plan }
    return plan
  }

  #planFor(policy: Policy, zone: string | undefined, now: number): Plan<T> {
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

const NOBODY: readonly never[] = []

function always(): boolean {
  return true
}

/** The number of zones whose plans are kept; a caller may ask for any zone. */
const MOST_ZONES = 100

/** A target that the algorithm chooses; undefined if none is acceptable. */
function firstOf<T extends Target>(candidates: Candidates<T>, choice: Choice<T>): T | undefined {
  return candidates.length === 0 ? undefined : choose(candidates, choice)
}

type Rivals<T extends Target> = readonly [Candidates<T>, Choice<T>]

/**
 * The target, unless one of the rivals is cheaper. Asked for a target whose last request has failed: where it is the only one
 * of its group, nothing else compares it.
 */
function cheapest<T extends Target>(
  target: T,
  [candidates, choice]: Rivals<T>,
  rivals: readonly Rivals<T>[],
): T {
  let best = target
  let cost = costByLatency(target, candidates, choice)
  for (const [others, choiceOfOthers] of rivals) {
    const rival = firstOf(others, choiceOfOthers)
    if (rival === undefined || rival === target) continue
    const costOfRival = costByLatency(rival, others, choiceOfOthers)
    if (costOfRival >= cost) continue
    best = rival
    cost = costOfRival
  }
  return best
}
