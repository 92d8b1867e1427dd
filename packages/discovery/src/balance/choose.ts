import type { Candidate, Candidates } from './candidates.ts'
import { rendezvousScore, seedOf } from './hash.ts'
import type { Policy } from './policy.ts'

/** What one choice depends on. */
export interface Choice<C extends Candidate> {
  readonly policy: Policy
  readonly now: number
  /** A random number from 0 to 1 (excluded). */
  readonly random: () => number
  /** The latency of an endpoint that has answered nothing yet. */
  readonly usualLatencyMs: number
  /** For `ring-hash`. */
  readonly hashKey: string
  /** The counters of `round-robin`, by candidate. */
  readonly turns: Map<C, number>
  /** False for candidates that must not be chosen now. */
  readonly accepts: (candidate: C) => boolean
  /** False for candidates whose connections are all busy: a request would wait. */
  readonly hasRoom: (candidate: C) => boolean
}

/** How often a draw that is not acceptable is repeated before all candidates are looked at. */
const MOST_DRAWS = 8
/** The second of two is taken only if it is clearly cheaper, so that weights outlast the noise of measurements. */
const CLEARLY_CHEAPER = 0.75
/** A request that waits for a connection costs as much more: a free one is preferred, but not one that is far slower. */
const WAITING_COST = 4
/** Latencies below this are the same: in milliseconds. */
const LEAST_LATENCY_MS = 1

/** Chooses a candidate by the policy's algorithm; undefined if none is acceptable. */
export function choose<C extends Candidate>(candidates: Candidates<C>, choice: Choice<C>): C | undefined {
  switch (choice.policy.algorithm) {
    case 'p2c-ewma':
      return betterOfTwo(candidates, choice, costByLatency)
    case 'least-in-flight':
      return betterOfTwo(candidates, choice, costByLoad)
    case 'random':
      return draw(candidates, choice, undefined)
    case 'round-robin':
      return nextInTurn(candidates, choice)
    case 'ring-hash':
      return byHash(candidates, choice)
    case 'pick-first':
      return firstById(candidates, choice)
  }
}

type Cost = <C extends Candidate>(candidate: C, candidates: Candidates<C>, choice: Choice<C>) => number

/** The expected latency times the load. */
export function costByLatency<C extends Candidate>(
  candidate: C,
  candidates: Candidates<C>,
  choice: Choice<C>,
): number {
  const { policy, now, usualLatencyMs } = choice
  const latencyMs = candidate.load.latencyMs(now, policy.decayMs) ?? usualLatencyMs
  return Math.max(latencyMs, LEAST_LATENCY_MS) * costByLoad(candidate, candidates, choice)
}

/** The load: running requests in proportion to the weight, and the one to be sent; more where that one would wait. */
function costByLoad<C extends Candidate>(
  candidate: C,
  candidates: Candidates<C>,
  { policy, now, hasRoom }: Choice<C>,
): number {
  const share = candidates.share(candidate) * candidate.load.startShare(now, policy.slowStartMs)
  const load = candidate.load.inFlight / share + 1
  return hasRoom(candidate) ? load : load * WAITING_COST
}

/**
 * Two different candidates are drawn by weight; the first is taken unless the second is clearly cheaper. Equal costs thereby
 * follow the weights exactly, and no load follows a crowd, because each process draws by itself. Where a request would wait at
 * the better one, one with a free connection is looked for.
 */
function betterOfTwo<C extends Candidate>(
  candidates: Candidates<C>,
  choice: Choice<C>,
  cost: Cost,
): C | undefined {
  const first = draw(candidates, choice, undefined)
  if (first === undefined || candidates.length === 1) return first
  const second = draw(candidates, choice, first)
  if (second === undefined) return first
  const costOfFirst = cost(first, candidates, choice)
  const costOfSecond = cost(second, candidates, choice)
  const isCheaper = costOfSecond < costOfFirst * CLEARLY_CHEAPER
  const better = isCheaper ? second : first
  if (choice.hasRoom(better)) return better
  const free = drawFree(candidates, choice)
  return free !== undefined && cost(free, candidates, choice) < (isCheaper ? costOfSecond : costOfFirst)
    ? free
    : better
}

/** Draws an acceptable candidate with a free connection. There may be none, and a look at all of them would take long. */
function drawFree<C extends Candidate>(
  candidates: Candidates<C>,
  { random, accepts, hasRoom }: Choice<C>,
): C | undefined {
  for (let draws = 0; draws < MOST_DRAWS; draws += 1) {
    const candidate = candidates.at(random())
    if (candidate !== undefined && hasRoom(candidate) && accepts(candidate)) return candidate
  }
  return undefined
}

/** Draws an acceptable candidate other than one by weight and slow start. */
function draw<C extends Candidate>(
  candidates: Candidates<C>,
  choice: Choice<C>,
  other: C | undefined,
): C | undefined {
  const { policy, now, random, accepts } = choice
  for (let draws = 0; draws < MOST_DRAWS; draws += 1) {
    const candidate = candidates.at(random())
    if (candidate === undefined) return undefined
    if (candidate === other || !accepts(candidate)) continue
    const share = candidate.load.startShare(now, policy.slowStartMs)
    if (share === 1 || random() < share) return candidate
  }
  const { items } = candidates
  const start = Math.floor(random() * items.length)
  const isUsable = (candidate: C) => candidate !== other && accepts(candidate)
  return items.slice(start).find(isUsable) ?? items.slice(0, start).find(isUsable)
}

/** Smooth weighted round robin, as nginx does it. */
function nextInTurn<C extends Candidate>(candidates: Candidates<C>, choice: Choice<C>): C | undefined {
  const { policy, now, turns, accepts } = choice
  let best: C | undefined
  let total = 0
  for (const candidate of candidates.items) {
    if (!accepts(candidate)) continue
    const weight = candidates.weight(candidate) * candidate.load.startShare(now, policy.slowStartMs)
    const turn = (turns.get(candidate) ?? 0) + weight
    turns.set(candidate, turn)
    total += weight
    if (best === undefined || turn > (turns.get(best) ?? 0)) best = candidate
  }
  if (best !== undefined) turns.set(best, (turns.get(best) ?? 0) - total)
  return best
}

function byHash<C extends Candidate>(
  candidates: Candidates<C>,
  { hashKey, accepts }: Choice<C>,
): C | undefined {
  const seed = seedOf(hashKey)
  let best: C | undefined
  let bestScore = -1
  for (const candidate of candidates.items) {
    const score = rendezvousScore(candidate.id, candidates.weight(candidate), seed)
    if (score > bestScore && accepts(candidate)) {
      best = candidate
      bestScore = score
    }
  }
  return best
}

function firstById<C extends Candidate>(candidates: Candidates<C>, { accepts }: Choice<C>): C | undefined {
  let first: C | undefined
  for (const candidate of candidates.items) {
    if (accepts(candidate) && (first === undefined || candidate.id < first.id)) first = candidate
  }
  return first
}
