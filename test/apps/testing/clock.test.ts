import { createTestClock, createTestConfig } from '@livetree/core/testing'
import { expect, test } from 'vitest'
import { openPool, shop } from './shop.ts'

test('a query that never ends keeps its pool for 30 seconds', async () => {
  const clock = createTestClock()
  await using config = await createTestConfig(shop, { greeting: 'Hello' }, { clock, logger: false })
  const pool = await openPool(config)
  const { value } = pool.acquire()
  config.set({ pool: { max: 20 } })
  await clock.advance(29_999)
  expect(value.isOpen).toBe(true)
  await clock.advance(1)
  expect(value.isOpen).toBe(false)
})

test('the shop takes no traffic after a minute without the store', async () => {
  const clock = createTestClock()
  await using config = await createTestConfig(shop, { greeting: 'Hello' }, { clock, maxStalenessMs: 60_000 })
  config.disconnect()
  await clock.advance(60_000)
  expect(config.health.isReady).toBe(true)
  await clock.advance(1)
  expect(config.health.isReady).toBe(false)
})
