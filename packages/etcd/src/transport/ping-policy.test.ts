import type { ServerHttp2Session } from 'node:http2'
import { expect, test } from 'vitest'
import type { EtcdError } from '../errors.ts'
import { silentLogger } from '../logger.ts'
import { Watch } from '../wire/rpc.ts'
import { closedAfterEach } from './closed-after-each.test.kit.ts'
import { startFakeServer, testChannel } from './fake-server.test.kit.ts'
import { PingBudget, PingPolicy } from './ping-policy.ts'

const CLOSING = closedAfterEach()

/** The error code of HTTP/2 that gRPC sends with the words `too_many_pings`. */
const ENHANCE_YOUR_CALM = 11

/** Refuses pings like gRPC: the third one that comes too early closes the connection. Returns how many came in time. */
function enforce(session: ServerHttp2Session, leastMs: number): { readonly inTime: () => number } {
  let last = Number.NEGATIVE_INFINITY
  let strikes = 0
  let inTime = 0
  session.on('ping', () => {
    const now = performance.now()
    if (now - last < leastMs) strikes += 1
    else inTime += 1
    last = now
    if (strikes < 3) return
    session.goaway(ENHANCE_YOUR_CALM, 0, Buffer.from('too_many_pings'))
    session.close()
    setImmediate(() => session.destroy())
  })
  return { inTime: () => inTime }
}

test('a server that finds pings too frequent is pinged less often over the next connections, and told of once', async () => {
  const fake = await startFakeServer((call) =>
    call.stream.respond({ ':status': 200, 'content-type': 'application/grpc' }),
  )
  CLOSING.push(() => fake.close())
  const warnings: (readonly [string, unknown])[] = []
  const warn = (message: string, fields?: unknown) => void warnings.push([message, fields])
  const channel = testChannel([fake.endpoint], { pingIntervalMs: 20, logger: { ...silentLogger, warn } })
  CLOSING.push(() => channel.close())
  const enforced = new Map<ServerHttp2Session, ReturnType<typeof enforce>>()
  const open = (): void => {
    const onEnd = (error: EtcdError | undefined): void => {
      if (error?.code !== 'closed') setTimeout(open, 5)
    }
    const stream = channel.stream(Watch.watch, { onMessage: () => undefined, onEnd })
    stream.send({ request: { type: 'progress', value: {} } })
  }
  open()
  const mostInTime = (): number => {
    for (const { session } of fake.calls)
      if (!enforced.has(session)) enforced.set(session, enforce(session, 100))
    return Math.max(0, ...[...enforced.values()].map(({ inTime }) => inTime()))
  }
  await expect.poll(mostInTime, { timeout: 30_000, interval: 5 }).toBeGreaterThan(8)
  expect(warnings).toEqual([
    [
      expect.stringMatching(/pinged too often.*grpc-keepalive-min-time/),
      expect.objectContaining({ endpoint: fake.endpoint, pingIntervalMs: 40 }),
    ],
  ])
  expect(enforced.size).toBeGreaterThan(1)
}, 40_000)

test('each server is told of by itself, and one that was not pinged at all is not believed', async () => {
  const serve = () => startFakeServer((call) => call.stream.respond({ ':status': 200 }))
  const [first, second, liar] = await Promise.all([serve(), serve(), serve()])
  const warnings: unknown[] = []
  const warn = (_: string, fields?: unknown) => void warnings.push(fields)
  const logger = { ...silentLogger, warn }
  const open = (endpoints: readonly string[], pingIntervalMs: number): void => {
    const channel = testChannel(endpoints, { pingIntervalMs, logger })
    CLOSING.push(() => channel.close())
    const openAgain = (endpoint: string): void => {
      const onEnd = (error: EtcdError | undefined): void => {
        if (error?.code !== 'closed') setTimeout(openAgain, 5, endpoint)
      }
      channel.stream(Watch.watch, { onMessage: () => undefined, onEnd }, { endpoint })
    }
    for (const endpoint of endpoints) openAgain(endpoint)
  }
  open([first.endpoint, second.endpoint], 20)
  open([liar.endpoint], 60_000)
  CLOSING.push(...[first, second, liar].map((each) => () => each.close()))
  const enforced = new Set<ServerHttp2Session>()
  let lies = 0
  const watchSessions = (): boolean => {
    for (const fake of [first, second])
      for (const { session } of fake.calls)
        if (!enforced.has(session)) enforced.add(session) && enforce(session, 100)
    for (const { session } of liar.calls) {
      if (enforced.has(session)) continue
      enforced.add(session)
      lies += 1
      session.goaway(ENHANCE_YOUR_CALM, 0, Buffer.from('too_many_pings'))
      session.close()
      setImmediate(() => session.destroy())
    }
    return warnings.length >= 2 && lies >= 3
  }
  await expect.poll(watchSessions, { timeout: 30_000, interval: 5 }).toBe(true)
  const told = [first, second].map(({ endpoint }) =>
    expect.objectContaining({ endpoint, pingIntervalMs: 40 }),
  )
  expect(warnings).toHaveLength(2)
  expect(warnings).toEqual(expect.arrayContaining(told))
}, 40_000)

test('a server that never has enough is pinged every five minutes, or as the user wants', () => {
  for (const [wanted, most] of [
    [5_000, 300_000],
    [400_000, 400_000],
    [0, 0],
  ] as const) {
    const policy = new PingPolicy(wanted, silentLogger)
    for (let count = 0; count < 60; count += 1) policy.tooMany('http://etcd:2379')
    expect(policy.intervalMs).toBe(most)
    expect(policy.spacingMs).toBe(Math.max(most, 300_000))
  }
})

test('a ping that would be the second strike waits until the server accepts it', () => {
  const budget = new PingBudget(new PingPolicy(20_000, silentLogger))
  expect(budget.waitMs(0, true)).toBe(0)
  budget.sent(0, true)
  expect(budget.waitMs(200, true)).toBe(800)
  budget.sent(1_000, true)
  expect(budget.waitMs(2_000, true)).toBe(5_000)
  budget.sent(7_000, true)
  expect(budget.waitMs(8_000, true)).toBe(5_000)
  // An answer to a call makes the server forget.
  budget.heard()
  expect(budget.waitMs(8_000, true)).toBe(0)
})

test('without an open call there is one ping', () => {
  const budget = new PingBudget(new PingPolicy(20_000, silentLogger))
  budget.sent(0, false)
  expect([budget.waitMs(60_000, false), budget.isDue(60_000, false)]).toEqual([
    Number.POSITIVE_INFINITY,
    false,
  ])
  expect(budget.isDue(60_000, true)).toBe(true)
})

test('a ping at an interval is left out after another one', () => {
  const budget = new PingBudget(new PingPolicy(20_000, silentLogger))
  budget.sent(15_000, true)
  expect([budget.isDue(20_000, true), budget.isDue(40_000, true)]).toEqual([false, true])
})

test('once a server has had too many pings, none is sent that it may find too early', () => {
  const policy = new PingPolicy(5_000, silentLogger)
  policy.tooMany('http://etcd:2379')
  const budget = new PingBudget(policy)
  budget.sent(0, true)
  expect(budget.waitMs(1_000, true)).toBe(11_000)
  expect([policy.intervalMs, policy.spacingMs]).toEqual([10_000, 12_000])
  policy.tooMany('http://etcd:2379')
  expect([policy.intervalMs, policy.spacingMs]).toEqual([20_000, 24_000])
})
