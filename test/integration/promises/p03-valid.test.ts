import { expect, test } from 'vitest'
import { eachEtcd } from '../../support/each-etcd.ts'
import { waitFor } from '../../support/wait-for.ts'
import { GOOD_TREE, useShop } from './shop.ts'

eachEtcd('P3 valid', (etcd) => {
  const shop = useShop(etcd)

  test('a bad value is reported once with path, key and revision, never served, and healed by the next good one', async () => {
    await shop.write(GOOD_TREE)
    const config = await shop.load()
    const good = config.current
    const rejected: { revision: number; issues: readonly unknown[] }[] = []
    config.on('rejected', (event) => rejected.push(event))

    const bad = await shop.write({ 'db/pool/max': 'ten' })
    await waitFor(() => rejected.length > 0)
    await config.refresh()
    expect(config.current).toBe(good)
    expect(config.status.rejected?.revision).toBe(bad)
    expect(rejected).toHaveLength(1)
    expect(rejected[0]!.issues).toMatchObject([
      {
        pathText: 'db.pool.max',
        expected: 'number',
        received: '"ten"',
        origins: [{ key: `${shop.root}/prod/db/pool/max`, revision: bad, source: 'etcd' }],
      },
    ])

    // another key changes while the tree is bad: still the same complaint, not a second one
    await shop.write({ 'limits/other': '1' })
    await config.refresh()
    expect(rejected).toHaveLength(1)
    expect(config.current).toBe(good)

    await shop.write({ 'db/pool/max': '12' })
    await waitFor(() => config.current.db.pool.max === 12)
    expect(config.current.limits).toEqual({ other: 1 })
    expect(config.status.rejected).toBeUndefined()
  })

  test('a valid revision between two bad ones becomes current', async () => {
    await shop.write(GOOD_TREE)
    const config = await shop.load()
    await shop.write({ 'db/pool/max': 'bad' })
    await shop.write({ 'db/pool/max': '33', 'limits/between': '1' })
    const last = await shop.write({ 'features/search': 'perhaps' })
    await config.refresh()
    expect(config.current).toMatchObject({ db: { pool: { max: 33 } }, limits: { between: 1 } })
    expect(config.status.rejected?.revision).toBe(last)
    await shop.write({ 'db/pool/max': '34', 'features/search': 'off' })
    await waitFor(() => config.current.db.pool.max === 34)
    expect(config.current).toMatchObject({ features: { search: false }, limits: { between: 1 } })
  })

  test('load lists every problem at once, with keys and without secrets', async () => {
    await shop.write({ 'http/port': 'eighty', 'db/url': 'hunter2-secret', 'features/search': 'maybe' })
    const error = await shop.load().catch((thrown: Error) => thrown)
    expect(error).toMatchObject({ code: 'invalid_config' })
    const { message } = error as Error
    for (const part of [
      'http.port',
      `${shop.root}/prod/http/port`,
      '"eighty"',
      'http.timeoutMs',
      'db.url',
      'db.pool.max',
      'features.search',
      '[secret]',
    ]) {
      expect(message).toContain(part)
    }
    expect(message).not.toContain('hunter2-secret')
  })
})
