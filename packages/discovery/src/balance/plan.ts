import { type Candidate, Candidates } from './candidates.ts'
import { rendezvousScore } from './hash.ts'
import type { Policy } from './policy.ts'

/** What a plan is made of. */
export interface Target extends Candidate {
  readonly zone: string | undefined
  /** 0 to 1000. */
  readonly weight: number
  readonly isUnconfirmed: boolean
  /** It has announced its end. */
  readonly isLeaving: boolean
}

/** Who may be chosen, until a target, an ejection or the policy changes. */
export interface Plan<T extends Target> {
  /** The endpoints of the own zone; empty if zones do not count. */
  readonly local: Candidates<T>
  /** The share of requests that goes to `local`. */
  readonly localShare: number
  /** All others. */
  readonly other: Candidates<T>
  /** Used only if none of those can be. */
  readonly unconfirmed: Candidates<T>
  /** Everything that may be chosen at all: the last resort, since an endpoint that is set aside may work again. */
  readonly all: Candidates<T>
  /** More are set aside than would be good, so nobody is. */
  readonly isPanicking: boolean
  readonly latencyMs: number
  /** When the first endpoint that is set aside returns. */
  readonly validUntil: number
  readonly turns: Map<T, number>
}

/** Fewer endpoints than this are no zone of their own. */
const LEAST_IN_ZONE = 2
/** How many endpoints are sampled for the usual latency. */
const MEDIAN_OF = 33

/** Decides who may be chosen. `seed` differs between processes; it selects the subset. */
export function makePlan<T extends Target>(
  targets: Iterable<T>,
  policy: Policy,
  zone: string | undefined,
  now: number,
  seed: number,
): Plan<T> {
  const all = [...targets].filter((target) => !target.isLeaving && weightOf(target, policy) > 0)
  const confirmed = all.filter(({ isUnconfirmed }) => !isUnconfirmed)
  const ready = subset(confirmed, policy.subsetSize, seed)
  const unconfirmed = all.filter(({ isUnconfirmed }) => isUnconfirmed)
  const ejects = policy.outliers.failuresInRow > 0
  const healthy = ejects ? ready.filter(({ load }) => !load.isEjected(now)) : ready
  const isPanicking = healthy.length < ready.length && healthy.length < policy.panicShare * ready.length
  const usable = ready.filter((target) => isUsable(target, policy, isPanicking, now))
  const isLocal = (target: T) => target.zone === zone
  const localCount = zone === undefined || policy.zoneFactor === 0 ? 0 : ready.filter(isLocal).length
  const isZoned = localCount >= LEAST_IN_ZONE
  const local = isZoned ? usable.filter(isLocal) : []
  const weighted = (list: readonly T[]) => list.map((target) => [target, weightOf(target, policy)] as const)
  return {
    local: new Candidates(weighted(local)),
    localShare: isZoned ? Math.min(1, (policy.zoneFactor * local.length) / localCount) : 0,
    other: new Candidates(weighted(isZoned ? usable.filter((target) => !isLocal(target)) : usable)),
    unconfirmed: new Candidates(weighted(unconfirmed)),
    all: new Candidates(weighted(all)),
    isPanicking,
    latencyMs: usualLatency(usable, now, policy.decayMs),
    validUntil: Math.max(now + all.length * LEAST_PLAN_MS_PER_TARGET, firstReturn(ready, now)),
    turns: new Map(),
  }
}

/** A plan is made again after this time, for the usual latency. */
const LONGEST_PLAN_MS = 1_000
/** The least time a plan is kept, per target: many failing endpoints would otherwise cost a plan for each request. */
const LEAST_PLAN_MS_PER_TARGET = 0.01

/** Whether nothing speaks against a target. A panic forgives an ejection, but not failures that go on. */
export function isUsable({ load }: Target, { outliers }: Policy, isPanicking: boolean, now: number): boolean {
  if (outliers.failuresInRow === 0) return true
  return !load.isAvoided(now) && (isPanicking || !load.isEjected(now))
}

/** When the first target that is set aside returns, or a new plan is due anyhow. */
function firstReturn(targets: readonly Target[], now: number): number {
  return targets.reduce((until, { load: { ejectedUntil, avoidedUntil } }) => {
    const ends = [ejectedUntil, avoidedUntil].filter((end) => end > now)
    return Math.min(until, ...ends)
  }, now + LONGEST_PLAN_MS)
}

function weightOf({ id, weight }: Target, { overrides }: Policy): number {
  return Object.hasOwn(overrides, id) ? (overrides[id]?.weight ?? weight) : weight
}

/** The part of the targets that this process uses: at most one changes for each one added or removed. */
function subset<T extends Target>(targets: readonly T[], size: number, seed: number): readonly T[] {
  if (size === 0 || targets.length <= size) return targets
  return targets
    .map((target) => [rendezvousScore(target.id, 1, seed), target] as const)
    .sort(([one], [other]) => other - one)
    .slice(0, size)
    .map(([, target]) => target)
}

/** The median of what some of the targets are known to take. */
function usualLatency(targets: readonly Target[], now: number, decayMs: number): number {
  const step = Math.max(1, Math.floor(targets.length / MEDIAN_OF))
  const known: number[] = []
  for (let index = 0; index < targets.length; index += step) {
    const latencyMs = targets[index]?.load.latencyMs(now, decayMs)
    if (latencyMs !== undefined) known.push(latencyMs)
  }
  known.sort((one, other) => one - other)
  return known[known.length >> 1] ?? 0
}
