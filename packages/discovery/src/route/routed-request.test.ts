import { Dispatcher } from 'undici'
import { expect, test } from 'vitest'
import { Balancer } from '../balance/balancer.ts'
import { resolvePolicy } from '../balance/policy.ts'
import { plainRecord } from '../record/endpoint-record.ts'
import { Member } from '../view/member.ts'
import { RoutedRequest } from './routed-request.ts'
import type { Choosing, RouteTarget } from './route-target.ts'

/** Repeatable random numbers (a linear congruence). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

type Step = (handler: Dispatcher.DispatchHandler) => void

/** A pool whose requests go on when the test says so. */
class ScriptedPool extends Dispatcher {
  readonly waiting: { handler: Dispatcher.DispatchHandler; controller: ScriptedController }[] = []
  isClosed = false
  dispatchedAfterClose = 0

  override dispatch(_: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (this.isClosed) this.dispatchedAfterClose += 1
    this.waiting.push({ handler, controller: new ScriptedController(handler) })
    return true
  }
}

/** As undici's: an abort fails the handler at once, and nothing follows it. */
class ScriptedController {
  isOver = false
  readonly #handler: Dispatcher.DispatchHandler
  aborted = false
  paused = false
  reason = null

  constructor(handler: Dispatcher.DispatchHandler) {
    this.#handler = handler
  }

  abort(reason: Error): void {
    if (this.isOver) return
    this.aborted = true
    this.isOver = true
    this.#handler.onResponseError?.(this, reason)
  }

  pause(): void {}
  resume(): void {}
}

/** One random life of a few requests over a few members that come and go. */
async function live(seed: number): Promise<void> {
  const random = randomFrom(seed)
  const policy = resolvePolicy('test', { maxInFlightPerEndpoint: 4, retries: { budgetPerSecond: 1_000 } })
  const balancer = new Balancer<Member>({ random, seed })
  const pools = new Map<Member, ScriptedPool>()
  const members = Array.from({ length: 4 }, (_, index) => {
    const record = plainRecord(`m${index}`, `m${index}:80`)
    return new Member({ key: record.id, record, createRevision: 1, modRevision: 1, lease: 0n }, -Infinity)
  })
  let present = members.slice()
  balancer.setTargets(present)
  const target = {
    policy,
    now: () => 0,
    wallNow: () => 0,
    pick: ({ tried, hashKey }: Choosing) =>
      balancer.pick(policy, { zone: undefined, hashKey, accepts: () => true, tried }, 0),
    begin: (member: Member, isRetry: boolean) => balancer.begin(member, policy, 0, isRetry),
    release: (member: Member) => balancer.release(member),
    judge: (member: Member, verdict: Parameters<typeof balancer.judge>[2]) =>
      void balancer.judge(member, policy, verdict, 0),
    noteUnreachable: () => undefined,
    poolOf: (member: Member) => {
      const pool = pools.get(member) ?? new ScriptedPool()
      pools.set(member, pool)
      return { origin: `http://${member.address}`, pool }
    },
    spendRetry: () => balancer.budget.spend(1_000, 0),
    waitForEndpoint: async () => false,
    explain: () => 'none',
  }
  const outcomes: { ends: number; starts: number; onEnd: number }[] = []
  const controllers: Dispatcher.DispatchController[] = []
  const send = () => {
    const outcome = { ends: 0, starts: 0, onEnd: 0 }
    outcomes.push(outcome)
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart: (controller) => void controllers.push(controller),
      onResponseStart: () => {
        outcome.starts += 1
      },
      onResponseEnd: () => {
        outcome.ends += 1
      },
      onResponseError: () => {
        outcome.ends += 1
      },
    }
    const method = random() < 0.5 ? 'GET' : 'POST'
    const options = { path: '/', method, origin: 'http://s.service' }
    const onEnd = () => {
      outcome.onEnd += 1
    }
    new RoutedRequest(
      target as unknown as RouteTarget,
      { host: 's.service', isSecure: false },
      options,
      handler,
      onEnd,
    ).start()
  }
  /** Lets one waiting attempt go a random way to its end. */
  const advance = (isLast: boolean) => {
    const busy = [...pools.values()].filter(({ waiting }) => waiting.length > 0)
    const pool = busy[Math.floor(random() * busy.length)]
    const [one] = pool?.waiting.splice(Math.floor(random() * pool.waiting.length), 1) ?? []
    if (one === undefined) return
    const { handler, controller } = one
    const steps: Step[] = [(each) => each.onRequestStart?.(controller, {})]
    if (random() < 0.2) steps.shift()
    const isAnswered = steps.length > 0 && random() < 0.7
    const status = random() < 0.3 ? 503 : 200
    if (isAnswered) steps.push((each) => each.onResponseStart?.(controller, status, {}))
    const isCut = !isAnswered || random() < 0.2
    steps.push((each) =>
      isCut ? each.onResponseError?.(controller, new Error('cut')) : each.onResponseEnd?.(controller, {}),
    )
    for (const step of steps) {
      if (!isLast && random() < 0.1)
        controllers[Math.floor(random() * controllers.length)]?.abort(new Error('stop'))
      if (controller.isOver) return
      step(handler)
    }
    controller.isOver = true
  }
  for (let turn = 0; turn < 40; turn += 1) {
    const what = random()
    if (what < 0.4) send()
    else if (what < 0.8) advance(false)
    else {
      const changed = members[Math.floor(random() * members.length)] as Member
      const isThere = present.includes(changed)
      present = isThere ? present.filter((member) => member !== changed) : [...present, changed]
      balancer.setTargets(present)
      const pool = pools.get(changed)
      if (isThere && pool !== undefined) pool.isClosed = true
      if (!isThere && pool?.waiting.length === 0) pools.delete(changed)
      else if (!isThere && pool !== undefined) pool.isClosed = false
    }
  }
  for (let turn = 0; turn < 500; turn += 1) advance(true)
  expect([...pools.values()].reduce((sum, pool) => sum + pool.dispatchedAfterClose, 0)).toBe(0)
  expect(members.map(({ load }) => load.inFlight)).toEqual([0, 0, 0, 0])
  expect(balancer.inFlight).toBe(0)
  // Requests without an endpoint end in a later turn.
  await new Promise((resolve) => setImmediate(resolve))
  for (const { ends, starts, onEnd } of outcomes) expect([ends, onEnd, starts <= 1]).toEqual([1, 1, true])
}

test('whatever order things happen in, every count returns to 0 and no closed pool gets a request', async () => {
  for (let seed = 1; seed <= 2_000; seed += 1) {
    try {
      await live(seed)
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    }
  }
})
