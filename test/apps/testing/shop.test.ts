import { createTestConfig } from 'livetree'
import { expect, test } from 'vitest'
import { openPool, shop } from './shop.ts'

test('a shop without a greeting does not start', async () => {
  await expect(createTestConfig(shop)).rejects.toThrow(/greeting/)
})

test('a pool with min above max is refused', async () => {
  await using config = await createTestConfig(shop, { greeting: 'Hello' })
  expect(() => config.set({ pool: { min: 20 } })).toThrow(/pool\.min.*min must not be above max/)
  expect(config.current.pool).toEqual({ min: 0, max: 10 })
})

test('a bad write keeps the last good tree, and the next good one heals it', async () => {
  await using config = await createTestConfig(shop, { greeting: 'Hello' })
  const before = config.current
  config.reject({ pool: { max: 'many' } })
  expect(config.current).toBe(before)
  expect(config.health.reason).toContain('pool.max')
  config.set({ pool: { max: 20 } })
  expect(config.current.pool.max).toBe(20)
  expect(config.status.rejected).toBeUndefined()
})

test('the pool is replaced by a change of its part, and by no other', async () => {
  await using config = await createTestConfig(shop, { greeting: 'Hello' })
  const pool = await openPool(config)
  const first = pool.current
  config.set({ greeting: 'Welcome' })
  expect(pool.current).toBe(first)
  config.set({ pool: { max: 20 } })
  await expect.poll(() => pool.current.max).toBe(20)
  await expect.poll(() => first.isOpen).toBe(false)
})

test('a query that runs keeps its pool', async () => {
  await using config = await createTestConfig(shop, { greeting: 'Hello' })
  const pool = await openPool(config)
  const borrowed = pool.acquire()
  config.set({ pool: { max: 20 } })
  await expect.poll(() => pool.current.max).toBe(20)
  expect(borrowed.value.isOpen).toBe(true)
  borrowed.release()
  await expect.poll(() => borrowed.value.isOpen).toBe(false)
})

test('the shop goes on while the store is away', async () => {
  await using config = await createTestConfig(shop, { greeting: 'Hello' })
  config.disconnect()
  expect(config.status.state).toBe('stale')
  expect(config.health.isReady).toBe(true)
  expect(config.current.greeting).toBe('Hello')
  config.reconnect()
  expect(config.status.state).toBe('live')
})
