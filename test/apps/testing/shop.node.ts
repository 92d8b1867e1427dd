import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestConfig } from 'livetree'
import { openPool, shop } from './shop.ts'

test('a bad write keeps the last good tree', async () => {
  await using config = await createTestConfig(shop, { greeting: 'Hello' })
  config.reject({ pool: { max: 'many' } })
  assert.equal(config.current.pool.max, 10)
  config.heal()
  assert.equal(config.status.rejected, undefined)
})

test('the pool is replaced', async () => {
  await using config = await createTestConfig(shop, { greeting: 'Hello' })
  const pool = await openPool(config)
  const { promise: isDisposed, resolve } = Promise.withResolvers<void>()
  pool.current.end = resolve
  config.set({ pool: { max: 20 } })
  await isDisposed
  assert.equal(pool.current.max, 20)
})
