import type { Clock } from '@livetree/etcd'
import type { Dispatcher } from 'undici'
import { describe, expect, test } from 'vitest'
import { resolvePolicy } from '../balance/policy.ts'
import { plainRecord } from '../record/endpoint-record.ts'
import { Member } from '../view/member.ts'
import { EndpointPools } from './pools.ts'

/** A clock whose timers end as soon as the running turn is over. */
const FAST: Clock = {
  now: () => 0,
  setTimeout: (run) => setImmediate(run),
  clearTimeout: (timer) => clearImmediate(timer as NodeJS.Immediate),
}

const silent = { info: () => undefined, warn: () => undefined }
const policy = resolvePolicy('test', { drainMs: 10 })

function memberAt(address: string): Member {
  const record = plainRecord('one', address)
  return new Member({ key: 'one', record, createRevision: 1, modRevision: 1, lease: 0n }, 0)
}

function poolsOf(createPool: () => unknown): EndpointPools {
  return new EndpointPools({
    service: 'orders',
    createPool: createPool as () => Dispatcher,
    tls: undefined,
    clock: FAST,
    reports: silent,
  })
}

const never = () => new Promise<void>(() => undefined)
const fails = () => {
  throw new Error('mine')
}
const dispatch = () => true

describe("somebody else's pool does not hold up the end", () => {
  test.each<[string, object]>([
    ['has no close and no destroy', { dispatch }],
    ['whose close throws', { dispatch, close: fails, destroy: fails }],
    ['that is never closed and returns nothing', { dispatch, close: never, destroy: () => undefined }],
    ['whose destroy throws', { dispatch, close: never, destroy: fails }],
    ['whose destroy rejects', { dispatch, close: never, destroy: async () => fails() }],
    ['that is never destroyed', { dispatch, close: never, destroy: never }],
  ])('%s', async (_, pool) => {
    const pools = poolsOf(() => pool)
    pools.get(memberAt('a:1'), 'http', policy)
    await expect(pools.close()).resolves.toBeUndefined()
  })
})

test.each([undefined, null, {}, 7])('%j is no pool', (pool) => {
  expect(() => poolsOf(() => pool).get(memberAt('a:1'), 'http', policy)).toThrow(/no undici dispatcher/)
})

test('a pool is for one address and one protocol', () => {
  const pools = poolsOf(() => ({ dispatch, close: async () => undefined }))
  const member = memberAt('a:1')
  const first = pools.get(member, 'http', policy)
  expect(pools.get(member, 'http', policy)).toBe(first)
  const second = pools.get(member, 'h2c', policy)
  expect(second).not.toBe(first)
  expect(pools.get(member, 'https', policy)).not.toBe(second)
})
