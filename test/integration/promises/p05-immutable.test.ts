import { expect, test } from 'vitest'
import { eachEtcd } from '../../support/each-etcd.ts'
import { waitFor } from '../../support/wait-for.ts'
import { GOOD_TREE, useShop } from './shop.ts'

eachEtcd('P5 immutable and shared', (etcd) => {
  const shop = useShop(etcd)

  test('snapshots are frozen all the way down, and unchanged subtrees stay the same instance', async () => {
    await shop.write({ ...GOOD_TREE, 'limits/a': '1' })
    const config = await shop.load()
    const before = config.current
    expectFrozen(before)
    expect(() => Object.assign(before.db.pool, { max: 99 })).toThrow(TypeError)
    await shop.write({ 'limits/a': '2' })
    await waitFor(() => config.current.limits.a === 2)
    expectFrozen(config.current)
    expect(config.current).not.toBe(before)
    expect(config.current.db).toBe(before.db)
    expect(config.current.http).toBe(before.http)
    expect(config.current.features).toBe(before.features)
    expect(before.limits.a).toBe(1)
  })

  test('watch is called for its own part and for nothing else', async () => {
    await shop.write({ ...GOOD_TREE, 'limits/a': '1' })
    const config = await shop.load()
    const pools: unknown[] = []
    config.watch(
      (value) => value.db.pool,
      (next, previous) => {
        pools.push([previous, next])
      },
    )
    await shop.write({ 'limits/a': '2', 'features/search': 'off' })
    await shop.write({ 'db/pool/max': '11' })
    await shop.write({ 'limits/a': '3' })
    await config.refresh()
    expect(pools).toEqual([[{ max: 10 }, { max: 11 }]])
  })
})

function expectFrozen(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  expect(Object.isFrozen(value)).toBe(true)
  for (const inner of Object.values(value)) expectFrozen(inner)
}
