import { describe, expect, test } from 'vitest'
import { Balancer } from './balancer.ts'
import { EndpointLoad } from './endpoint-load.ts'
import type { Target } from './plan.ts'
import { ALGORITHMS, type Policy, type PolicySettings, resolvePolicy } from './policy.ts'

interface TestTarget extends Target {
  weight: number
  isUnconfirmed: boolean
  isLeaving: boolean
}

/** Repeatable random numbers (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function target(id: string, weight = 100, zone?: string, startedAt?: number): TestTarget {
  return { id, weight, zone, isUnconfirmed: false, isLeaving: false, load: new EndpointLoad(startedAt) }
}

function balancerOf(targets: readonly TestTarget[], seed = 1) {
  const balancer = new Balancer<TestTarget>({ random: randomFrom(seed), seed })
  balancer.setTargets(targets)
  return balancer
}

const policyOf = (settings: PolicySettings = {}): Policy => resolvePolicy('test', settings)
const ANY = { zone: undefined, hashKey: '', accepts: () => true }

/** Picks so often, with requests that end at once. Returns the share of each target. */
function shares(
  balancer: Balancer<TestTarget>,
  policy: Policy,
  count: number,
  options: { now?: number; zone?: string } = {},
) {
  const { now = 0, ...request } = options
  const picks = new Map<string, number>()
  for (let index = 0; index < count; index += 1) {
    const picked = balancer.pick(policy, { ...ANY, ...request }, now)
    const id = typeof picked === 'string' ? picked : picked.id
    picks.set(id, (picks.get(id) ?? 0) + 1)
  }
  return new Map([...picks].map(([id, picked]) => [id, picked / count]))
}

describe('F8 picks follow the weights', () => {
  const weights = [100, 50, 200, 25]
  test.each(['p2c-ewma', 'least-in-flight', 'random', 'round-robin'] as const)(
    'of %s within 5 % over 10,000',
    (algorithm) => {
      const targets = weights.map((weight, index) => target(`t${index}`, weight))
      const found = shares(balancerOf(targets), policyOf({ algorithm }), 10_000)
      const total = weights.reduce((sum, weight) => sum + weight)
      for (const [index, weight] of weights.entries()) {
        expect(Math.abs((found.get(`t${index}`) ?? 0) - weight / total)).toBeLessThan(
          0.05 * Math.max(0.25, weight / total),
        )
      }
    },
  )

  test('of ring-hash over many keys, and the same key goes to the same target', () => {
    const targets = [target('a', 100), target('b', 300)]
    const balancer = balancerOf(targets)
    const policy = policyOf({ algorithm: 'ring-hash' })
    const of = (hashKey: string) => balancer.pick(policy, { ...ANY, hashKey }, 0) as TestTarget
    const keys = Array.from({ length: 10_000 }, (_, index) => `user-${index}`)
    const before = keys.map((key) => of(key).id)
    expect(Math.abs(before.filter((id) => id === 'b').length / keys.length - 0.75)).toBeLessThan(0.03)
    expect(keys.map((key) => of(key).id)).toEqual(before)
    balancer.setTargets([...targets, target('c', 100)])
    const moved = keys.map((key) => of(key).id).filter((id, index) => id !== before[index])
    expect(
      moved.every((id) => id === 'c'),
      'only what the newcomer wins moves',
    ).toBe(true)
    expect(moved.length / keys.length).toBeCloseTo(0.2, 1)
  })

  test('with a load, in proportion to what is running', () => {
    const targets = [target('a', 100), target('b', 200)]
    const balancer = balancerOf(targets)
    const policy = policyOf()
    for (let index = 0; index < 300; index += 1) {
      balancer.begin(balancer.pick(policy, ANY, 0) as TestTarget, policy, 0, false)
    }
    expect(targets.map(({ load }) => load.inFlight / 100)).toEqual([
      expect.closeTo(1, 0),
      expect.closeTo(2, 0),
    ])
  })

  test('a weight of 0 is never chosen, and an override replaces the weight', () => {
    const targets = [target('a', 0), target('b'), target('c')]
    const policy = policyOf({ overrides: { b: { weight: 0 } } })
    expect([...shares(balancerOf(targets), policy, 1_000).keys()]).toEqual(['c'])
    targets[2]!.weight = 0
    expect(balancerOf(targets).pick(policy, ANY, 0)).toBe('no_endpoints')
  })
})

test.each(ALGORITHMS)('%s chooses nothing that is not accepted, leaving, or full', (algorithm) => {
  const targets = ['a', 'b', 'c', 'd', 'e'].map((id) => target(id))
  const policy = policyOf({ algorithm, maxInFlightPerEndpoint: 1 })
  targets[0]!.isLeaving = true
  targets[1]!.load.inFlight = 1
  const balancer = balancerOf(targets)
  const accepts = ({ id }: TestTarget) => id !== 'c'
  const ids = new Set(
    Array.from(
      { length: 200 },
      (_, key) => (balancer.pick(policy, { ...ANY, hashKey: `${key}`, accepts }, 0) as TestTarget).id,
    ),
  )
  expect([...ids].every((id) => id === 'd' || id === 'e')).toBe(true)
  targets[3]!.load.inFlight = 1
  targets[4]!.load.inFlight = 1
  expect(balancer.pick(policy, { ...ANY, accepts }, 0)).toBe('overloaded')
  expect(balancer.pick(policy, { ...ANY, accepts: () => false }, 0)).toBe('no_endpoints')
})

/** A simulation of a number of concurrent callers; the time of a request is its target's. */
function simulate(
  targets: readonly TestTarget[],
  { requests, callers, settings = {} }: { requests: number; callers: number; settings?: PolicySettings },
  behave: (target: TestTarget) => { ms: number; isFailure?: boolean },
): Map<string, number> {
  const balancer = balancerOf(targets, 7)
  const policy = policyOf(settings)
  const running: { at: number; target: TestTarget; isFailure: boolean; ms: number }[] = []
  const counts = new Map<string, number>()
  let now = 1_000
  for (let sent = 0; sent < requests; ) {
    while (running.length < callers && sent < requests) {
      const picked = balancer.pick(policy, ANY, now) as TestTarget
      const { ms, isFailure = false } = behave(picked)
      balancer.begin(picked, policy, now, false)
      running.push({ at: now + ms, target: picked, isFailure, ms })
      counts.set(picked.id, (counts.get(picked.id) ?? 0) + 1)
      sent += 1
    }
    running.sort((one, other) => one.at - other.at)
    const next = running.shift()
    if (next === undefined) break
    now = Math.max(now, next.at)
    balancer.release(next.target)
    const verdict = next.isFailure
      ? ({ type: 'failed' } as const)
      : ({ type: 'answered', latencyMs: next.ms } as const)
    balancer.judge(next.target, policy, verdict, now)
  }
  return counts
}

const ten = () => Array.from({ length: 10 }, (_, index) => target(`t${index}`))

test('F9 one slow target of ten (× 20) gets less than 2 % of the requests', () => {
  const counts = simulate(ten(), { requests: 20_000, callers: 8 }, ({ id }) => ({
    ms: id === 't3' ? 100 : 5,
  }))
  expect((counts.get('t3') ?? 0) / 20_000).toBeLessThan(0.02)
})

test('F9 one that fails fast gets less than 12 % of the requests before it is set aside, and less than 2 % after', () => {
  const before = simulate(
    ten(),
    { requests: 2_000, callers: 4, settings: { outliers: { failuresInRow: 0 } } },
    ({ id }) => ({ ms: id === 't3' ? 0.1 : 5, isFailure: id === 't3' }),
  )
  expect((before.get('t3') ?? 0) / 2_000).toBeLessThan(0.12)
  const after = simulate(ten(), { requests: 20_000, callers: 4 }, ({ id }) => ({
    ms: id === 't3' ? 0.1 : 5,
    isFailure: id === 't3',
  }))
  expect((after.get('t3') ?? 0) / 20_000).toBeLessThan(0.02)
})

test('equal targets get the same load within 10 %', () => {
  const noise = randomFrom(3)
  const counts = simulate(ten(), { requests: 20_000, callers: 20 }, () => ({ ms: 2 + 3 * noise() }))
  for (const count of counts.values()) expect(Math.abs(count - 2_000)).toBeLessThan(200)
})

describe('outliers', () => {
  const failing = (
    balancer: Balancer<TestTarget>,
    one: TestTarget,
    policy: Policy,
    times: number,
    now: number,
  ) => Array.from({ length: times }, () => balancer.judge(one, policy, { type: 'failed' }, now)).some(Boolean)

  test('are set aside after failures in a row, longer each time, and return with slow start', () => {
    const targets = ten()
    const balancer = balancerOf(targets)
    const policy = policyOf()
    const [one] = targets as [TestTarget]
    expect(failing(balancer, one, policy, 4, 0)).toBe(false)
    expect(balancer.judge(one, policy, { type: 'answered', latencyMs: 1 }, 0)).toBe(false)
    expect(failing(balancer, one, policy, 4, 0), 'an answer begins the count again').toBe(false)
    expect(failing(balancer, one, policy, 1, 0)).toBe(true)
    expect(shares(balancer, policy, 2_000, { now: 29_999 }).get(one.id)).toBeUndefined()
    const returned = shares(balancer, policy, 20_000, { now: 30_500 }).get(one.id) ?? 0
    expect(returned).toBeGreaterThan(0)
    expect(returned).toBeLessThan(0.03)
    expect(failing(balancer, one, policy, 5, 31_000)).toBe(true)
    expect(one.load.ejectedUntil).toBe(31_000 + 60_000)
    expect(failing(balancer, one, policy, 5, 91_000 + 20_000)).toBe(true)
    expect(one.load.ejectedUntil, 'two healthy periods lower the multiplier by two').toBe(111_000 + 30_000)
  })

  test('are set aside by their share of failures', () => {
    const targets = ten()
    const balancer = balancerOf(targets)
    const policy = policyOf({ outliers: { failuresInRow: 1_000 } })
    const [one] = targets as [TestTarget]
    for (let index = 0; index < 48; index += 1) {
      expect(
        balancer.judge(
          one,
          policy,
          index % 8 === 0 ? { type: 'answered', latencyMs: 1 } : { type: 'failed' },
          0,
        ),
      ).toBe(false)
    }
    expect(failing(balancer, one, policy, 2, 0)).toBe(true)
  })

  test('are at most a third, but one of two', () => {
    const policy = policyOf()
    for (const [count, most] of [
      [2, 1],
      [9, 3],
      [10, 3],
    ] as const) {
      const targets = Array.from({ length: count }, (_, index) => target(`t${index}`))
      const balancer = balancerOf(targets)
      for (const one of targets) failing(balancer, one, policy, 5, 0)
      expect(targets.filter(({ load }) => load.isEjected(1)).length).toBe(most)
    }
  })

  test('are used while too few others are left', () => {
    const [one] = [target('a')]
    const balancer = balancerOf([one!])
    const policy = policyOf()
    expect(failing(balancer, one!, policy, 5, 0)).toBe(true)
    expect(balancer.isPanicking(policy, undefined, 1)).toBe(true)
    expect(balancer.pick(policy, ANY, 1)).toBe(one)
    expect(balancer.isPanicking(policy, undefined, 40_000)).toBe(false)
  })
})

describe('F8 zones', () => {
  const zoned = (local: number, other: number) => [
    ...Array.from({ length: local }, (_, index) => target(`l${index}`, 100, 'eu')),
    ...Array.from({ length: other }, (_, index) => target(`o${index}`, 100, 'us')),
  ]
  const localShare = (targets: TestTarget[], settings: PolicySettings = {}, now = 0) => {
    const found = shares(balancerOf(targets), policyOf(settings), 10_000, { zone: 'eu', now })
    return [...found].filter(([id]) => id.startsWith('l')).reduce((sum, [, share]) => sum + share, 0)
  }

  test('the own one takes all while most of it is usable, and shares when it is not', () => {
    expect(localShare(zoned(4, 4))).toBe(1)
    expect(localShare(zoned(1, 4)), 'one endpoint is no zone').toBeCloseTo(0.2, 1)
    expect(localShare(zoned(4, 4), { zoneFactor: 0 })).toBeCloseTo(0.5, 1)
    const targets = zoned(4, 8)
    for (const each of targets.slice(0, 2)) each.load.eject(0, 30_000)
    expect(localShare(targets, {}, 1)).toBeCloseTo(0.7, 1)
    for (const each of targets.slice(0, 4)) each.load.eject(0, 30_000)
    expect(localShare(targets, {}, 1)).toBe(0)
  })
})

test('F8 a newcomer starts slowly, ever faster', () => {
  const targets = [target('new', 100, undefined, 0), ...ten()]
  const balancer = balancerOf(targets)
  const policy = policyOf()
  const at = (now: number) => shares(balancer, policy, 30_000, { now }).get('new') ?? 0
  const found = [100, 4_000, 8_000, 10_000].map(at)
  expect(found).toEqual([...found].sort((one, other) => one - other))
  expect(found[0]).toBeLessThan(0.02)
  expect(found[3]).toBeCloseTo(1 / 11, 2)
})

test('unconfirmed targets are used only if nothing else can be', () => {
  const targets = [target('a'), target('b')]
  targets[0]!.isUnconfirmed = true
  const balancer = balancerOf(targets)
  expect([...shares(balancer, policyOf(), 100).keys()]).toEqual(['b'])
  targets[1]!.isUnconfirmed = true
  balancer.setTargets(targets)
  expect([...shares(balancer, policyOf(), 100).keys()].sort()).toEqual(['a', 'b'])
})

test('a subset has its size and changes by at most one target', () => {
  const targets = Array.from({ length: 50 }, (_, index) => target(`t${index}`))
  const policy = policyOf({ subsetSize: 10, algorithm: 'random' })
  const balancer = balancerOf(targets, 99)
  const used = () => new Set(shares(balancer, policy, 3_000).keys())
  const before = used()
  expect(before.size).toBe(10)
  balancer.setTargets([...targets, target('t50')])
  const added = used()
  expect([...added].filter((id) => !before.has(id)).length).toBeLessThanOrEqual(1)
  const [gone] = [...before]
  balancer.setTargets(targets.filter(({ id }) => id !== gone))
  expect([...used()].filter((id) => !before.has(id))).toHaveLength(1)
})

test('the budget allows a share of the requests and some per second, and tokens expire', () => {
  const { budget } = balancerOf([])
  const spendAll = (perSecond: number, now: number) => {
    let spent = 0
    while (budget.spend(perSecond, now)) spent += 1
    return spent
  }
  expect(spendAll(0, 0)).toBe(0)
  for (let index = 0; index < 100; index += 1) budget.earn(0.25, 500)
  expect(spendAll(0, 9_000)).toBe(25)
  for (let index = 0; index < 100; index += 1) budget.earn(0.25, 9_000)
  expect(spendAll(0, 9_500)).toBe(25)
  expect(spendAll(0, 60_000)).toBe(0)
  expect(spendAll(10, 60_000)).toBe(100)
  expect(spendAll(10, 65_000)).toBe(0)
  expect(spendAll(10, 71_000)).toBe(100)
})

test.each([
  [{ algorithm: 'best' }, /algorithm is "best", not 'p2c-ewma' or/],
  [{ decayMs: 0 }, /decayMs is 0/],
  [{ panicShare: Number.NaN }, /panicShare is NaN/],
  [{ retires: {} }, /there is no option retires/],
  [{ retries: { most: -1 } }, /retries: most is -1/],
  [{ outliers: { ejectMs: '1' } }, /outliers: ejectMs is "1"/],
  [{ overrides: { a: { weight: 2_000 } } }, /overrides\["a"\]\.weight is 2000/],
  [{ overrides: { a: 7 } }, /overrides\["a"\] is 7, not an object/],
  [{ hashHeader: 'X-Key' }, /hashHeader is "X-Key"/],
])('%j is refused as a policy', (settings, message) => {
  expect(() => resolvePolicy('policy of orders', settings as PolicySettings)).toThrow(message)
})
