import { expect, test } from 'vitest'
import { eachEtcd } from '../../support/each-etcd.ts'
import { waitFor } from '../../support/wait-for.ts'
import { GOOD_TREE, useShop } from './shop.ts'

eachEtcd('P6 swap, then tell', (etcd) => {
  const shop = useShop(etcd)

  test('current is the new snapshot in every listener; a throwing and a slow one hurt nobody; the last state arrives', async () => {
    await shop.write({ ...GOOD_TREE, 'limits/count': '0' })
    const config = await shop.load()
    const thrown: unknown[] = []
    const quick: number[] = []
    const slow: number[] = []
    let running = 0
    let mostRunning = 0
    let release = () => {}
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    // On a slow machine the held handler is reported too, as one that has not settled.
    config.on('error', ({ code, cause }) => code !== 'not_settled' && thrown.push(cause))
    config.watch(
      (value) => value.limits.count,
      () => {
        throw new Error('a bad listener')
      },
    )
    config.watch(
      (value) => value.limits.count!,
      (next) => {
        expect(config.current.limits.count).toBeGreaterThanOrEqual(next)
        quick.push(next)
      },
    )
    config.watch(
      (value) => value.limits.count!,
      async (next) => {
        mostRunning = Math.max(mostRunning, ++running)
        await gate
        slow.push(next)
        running--
      },
    )
    for (let count = 1; count <= 50; count++) await shop.write({ 'limits/count': `${count}` })
    await config.refresh()
    // states may be told together where the process is late
    expect(quick).toEqual([...new Set(quick)].sort((a, b) => a - b))
    expect(quick.at(-1)).toBe(50)
    expect(slow).toEqual([])
    release()
    await waitFor(() => slow.at(-1) === 50)
    expect(slow).toEqual([quick[0], 50])
    expect(mostRunning).toBe(1)
    expect(thrown).toEqual(quick.map(() => new Error('a bad listener')))
  })

  test('a late subscriber may ask for the value now', async () => {
    await shop.write(GOOD_TREE)
    const config = await shop.load()
    const seen: unknown[] = []
    config.watch(
      (value) => value.db.pool.max,
      (next, previous) => {
        seen.push([previous, next])
      },
      { immediate: true },
    )
    expect(seen).toEqual([[undefined, 10]])
  })
})
