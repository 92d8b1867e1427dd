import { op } from '@livetree/etcd'
import { expect, test } from 'vitest'
import { eachEtcd } from '../../support/each-etcd.ts'
import { waitFor } from '../../support/wait-for.ts'
import { GOOD_TREE, useShop } from './shop.ts'

eachEtcd('P1 atomic', (etcd) => {
  const shop = useShop(etcd)

  test('a transaction over two overlays is never seen in half', async () => {
    await shop.write(GOOD_TREE)
    const config = await shop.load()
    const seen: { low: number | undefined; high: number | undefined }[] = []
    config.on('change', ({ next }) => seen.push({ low: next.limits.low, high: next.limits.high }))
    for (let count = 1; count <= 200; count++) {
      await shop.client.kv
        .txn()
        .then(
          op.put(`${shop.root}/base/limits/low`, `${count}`),
          op.put(`${shop.root}/prod/limits/high`, `${count}`),
        )
        .commit()
    }
    await config.refresh()
    expect(config.current.limits).toEqual({ low: 200, high: 200 })
    expect(seen.length).toBeGreaterThan(0)
    expect(seen.filter(({ low, high }) => low !== high)).toEqual([])
  })

  test('the first snapshot is the tree at one revision, also when it is read in many pages during writes', async () => {
    await shop.write(GOOD_TREE)
    const keys = Array.from(
      { length: 60 },
      (_, index) => `${shop.root}/${index % 2 ? 'base' : 'prod'}/limits/n${index}`,
    )
    const writeAll = (value: number) =>
      shop.client.kv
        .txn()
        .then(...keys.map((key) => op.put(key, `${value}`)))
        .commit()
    await writeAll(0)
    let isOver = false
    const writing = (async () => {
      for (let value = 1; !isOver; value++) await writeAll(value)
    })()
    try {
      for (let round = 0; round < 10; round++) {
        await using config = await shop.loadPaged(7)
        expect(Object.keys(config.current.limits)).toHaveLength(60)
        expect(new Set(Object.values(config.current.limits)).size).toBe(1)
      }
    } finally {
      isOver = true
      await writing
    }
  })

  test('twenty keys written at once are one change', async () => {
    await shop.write(GOOD_TREE)
    const config = await shop.load()
    const changes: number[] = []
    config.on('change', (event) => changes.push(event.changes.length))
    await shop.write(
      Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`limits/n${index}`, `${index}`])),
    )
    await waitFor(() => changes.length > 0)
    await config.refresh()
    expect(changes).toEqual([20])
  })
})
