import { describe, expect, test } from 'vitest'
import { Balancer } from './balancer.ts'
import { EndpointLoad } from './endpoint-load.ts'
import type { Target } from './plan.ts'
import { ALGORITHMS, type Policy, resolvePolicy } from './policy.ts'

/** Repeatable random numbers (a linear congruence). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

interface TestTarget extends Target {
  isUnconfirmed: boolean
  isDead: boolean
}

function target(id: string, zone?: string): TestTarget {
  return {
    id,
    zone,
    weight: 100,
    isUnconfirmed: false,
    isLeaving: false,
    isDead: false,
    load: new EndpointLoad(),
  }
}

const many = (count: number, zone: string) =>
  Array.from({ length: count }, (_, index) => target(`${zone}${index}`, zone))

/** Requests one after the other, with retries as a request does them, against targets some of which are dead. */
class Simulation {
  readonly balancer: Balancer<TestTarget>
  readonly counts = new Map<string, number>()
  now = 1_000
  failed = 0
  retries = 0
  readonly #policy: Policy

  constructor(targets: readonly TestTarget[], policy: Policy, seed: number) {
    this.balancer = new Balancer({ random: randomFrom(seed), seed })
    this.balancer.setTargets(targets)
    this.#policy = policy
  }

  send(zone: string | undefined): void {
    const tried: TestTarget[] = []
    while (tried.length <= this.#policy.retries.most) {
      const isRetry = tried.length > 0
      const request = { zone, hashKey: `${this.now}`, accepts: () => true, tried }
      const picked = this.balancer.pick(this.#policy, request, this.now)
      if (typeof picked === 'string') break
      if (isRetry && !this.balancer.budget.spend(this.#policy.retries.budgetPerSecond, this.now)) break
      if (isRetry) this.retries += 1
      tried.push(picked)
      this.counts.set(picked.id, (this.counts.get(picked.id) ?? 0) + 1)
      this.balancer.begin(picked, this.#policy, this.now, isRetry)
      this.balancer.release(picked)
      if (!picked.isDead) {
        this.now += 3
        this.balancer.judge(picked, this.#policy, { type: 'answered', latencyMs: 3 }, this.now)
        return
      }
      this.balancer.judge(picked, this.#policy, { type: 'failed' }, this.now)
    }
    this.failed += 1
  }

  /** Requests per second, and the duration in milliseconds. */
  run(ms: number, perSecond: number, zone?: string): void {
    const until = this.now + ms
    while (this.now < until) {
      const next = this.now + 1_000 / perSecond
      this.send(zone)
      this.now = Math.max(this.now, next)
    }
  }
}

/** Sets a target aside and lets it work again. */
function ejectHealthy({ balancer, now }: Simulation, one: TestTarget, policy: Policy): void {
  for (let count = 0; count < 5; count += 1) balancer.judge(one, policy, { type: 'failed' }, now)
  expect(one.load.isEjected(now)).toBe(true)
}

describe.each(ALGORITHMS)('%s fails no request while an endpoint works', (algorithm) => {
  const policy = resolvePolicy('test', { algorithm })

  test.each([2, 3])('that was set aside, of %i', (count) => {
    for (let seed = 1; seed <= 8; seed += 1) {
      const targets = many(count, 'a')
      const [one] = targets as [TestTarget]
      const simulation = new Simulation(targets, policy, seed)
      ejectHealthy(simulation, one, policy)
      for (const each of targets) each.isDead = each !== one
      simulation.run(40_000, 20)
      expect([simulation.failed, seed]).toEqual([0, seed])
      expect(simulation.retries, 'what works is found at once').toBeLessThan(60)
    }
  })

  test.each([
    [2, 2],
    [3, 3],
    [2, 1],
    [4, 2],
    [2, 6],
  ])('when its own zone of %i is lost and the other one of %i is not', (own, other) => {
    for (let seed = 1; seed <= 4; seed += 1) {
      const targets = [...many(own, 'a'), ...many(other, 'b')]
      const simulation = new Simulation(targets, policy, seed)
      simulation.run(1_000, 100, 'a')
      for (const each of targets) each.isDead = each.zone === 'a'
      simulation.run(60_000, 100, 'a')
      expect([simulation.failed, seed]).toEqual([0, seed])
      expect(simulation.retries, 'a fiftieth of the requests').toBeLessThan(120)
    }
  })

  test('when eight of ten have died', () => {
    for (let seed = 1; seed <= 4; seed += 1) {
      const targets = many(10, 'a')
      const simulation = new Simulation(targets, policy, seed)
      simulation.run(1_000, 100)
      for (const each of targets.slice(2)) each.isDead = true
      simulation.run(5_000, 100)
      const duringCrash = simulation.failed
      simulation.run(60_000, 100)
      // Three attempts may all meet endpoints that nobody knows to be dead yet.
      expect([duringCrash < 60, seed]).toEqual([true, seed])
      expect([simulation.failed - duringCrash, seed]).toEqual([0, seed])
    }
  })
})

test('all come back, and each gets its share, once they work again', () => {
  const policy = resolvePolicy('test', {})
  const targets = many(6, 'a')
  const simulation = new Simulation(targets, policy, 3)
  for (const each of targets) each.isDead = true
  simulation.run(60_000, 50)
  for (const each of targets) each.isDead = false
  const failedBefore = simulation.failed
  simulation.run(1_000, 50)
  expect(simulation.failed, 'no request waits for the end of an ejection').toBe(failedBefore)
  simulation.run(120_000, 50)
  simulation.counts.clear()
  simulation.run(60_000, 50)
  for (const each of targets) expect(simulation.counts.get(each.id)).toBeGreaterThan(3_000 / 6 / 2)
})

test('answers to requests from before do not end an ejection, and one from after does', () => {
  const policy = resolvePolicy('test', {})
  const targets = many(3, 'a')
  const [one] = targets as [TestTarget]
  const simulation = new Simulation(targets, policy, 1)
  ejectHealthy(simulation, one, policy)
  const judge = (latencyMs: number | undefined) =>
    simulation.balancer.judge(one, policy, { type: 'answered', latencyMs }, 2_000)
  judge(1_500)
  judge(undefined)
  expect(one.load.isEjected(2_000)).toBe(true)
  judge(900)
  expect(one.load.isEjected(2_000)).toBe(false)
})

test('a limit of requests is kept rather than what is set aside used', () => {
  const policy = resolvePolicy('test', { maxInFlightPerEndpoint: 1 })
  const targets = many(2, 'a')
  const [one, other] = targets as [TestTarget, TestTarget]
  const simulation = new Simulation(targets, policy, 1)
  ejectHealthy(simulation, one, policy)
  other.load.inFlight = 1
  const request = { zone: undefined, hashKey: '', accepts: () => true }
  expect(simulation.balancer.pick(policy, request, 1_000)).toBe('overloaded')
})

test('what the store has forgotten comes before what has failed, and a whole subset that failed before others', () => {
  const policy = resolvePolicy('test', { subsetSize: 2, outliers: { mostEjectedShare: 1 }, panicShare: 0 })
  const targets = many(6, 'a')
  const simulation = new Simulation(targets, policy, 1)
  simulation.run(1_000, 200)
  const subset = [...simulation.counts.keys()]
  expect(subset).toHaveLength(2)
  for (const each of targets) each.isDead = subset.includes(each.id)
  simulation.run(10_000, 100)
  expect(simulation.failed).toBe(0)
  const [forgotten] = targets.filter(({ isDead }) => !isDead)
  forgotten!.isUnconfirmed = true
  simulation.balancer.setTargets(targets.filter((each) => each.isDead || each === forgotten))
  simulation.counts.clear()
  simulation.run(1_000, 100)
  expect([...simulation.counts.keys()]).toEqual([forgotten!.id])
})

test('waiting in vain raises the expected latency, and never lowers it', () => {
  const policy = resolvePolicy('test', {})
  const targets = many(2, 'a')
  const [one, other] = targets as [TestTarget, TestTarget]
  const { balancer } = new Simulation(targets, policy, 1)
  const abandon = (each: TestTarget, waitedMs: number) =>
    balancer.judge(each, policy, { type: 'abandoned', waitedMs }, 1_000)
  balancer.judge(one, policy, { type: 'answered', latencyMs: 20 }, 1_000)
  abandon(one, 5)
  expect(one.load.latencyMs(1_000, policy.decayMs)).toBe(20)
  abandon(one, 100)
  expect(one.load.latencyMs(1_000, policy.decayMs)).toBe(100)
  abandon(other, 5)
  expect(other.load.latencyMs(1_000, policy.decayMs), 'less than is usual says nothing').toBeUndefined()
  abandon(other, 500)
  expect(other.load.latencyMs(1_000, policy.decayMs)).toBe(500)
  expect(targets.map(({ load }) => load.failuresInRow)).toEqual([0, 0])
})
