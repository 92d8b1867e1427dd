import { readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { eachEtcd } from '../../support/each-etcd.ts'
import { GOOD_TREE, useShop } from './shop.ts'

const OLD = 'postgres://shop:hunter2-secret@db/shop'
const NEW = 'postgres://shop:swordfish-secret@db/shop'
const BAD = 'not a url: opensesame-secret'

eachEtcd('P10 quiet about secrets', (etcd) => {
  const shop = useShop(etcd)

  test('no secret in JSON, inspect, events, errors, logs, explain or an unencrypted snapshot', async () => {
    await shop.write({ ...GOOD_TREE, 'db/url': OLD })
    const path = join(tmpdir(), `livetree-p10-${process.pid}-${shop.root.replaceAll('/', '-')}.snapshot`)
    const output: string[] = []
    const record = (...what: unknown[]) => {
      for (const one of what) output.push(inspect(one, { depth: 20 }), JSON.stringify(one) ?? '')
    }
    const logger = { debug: record, info: record, warn: record, error: record }
    const config = await shop.load({ logger, snapshot: { path, intervalMs: 0 } })
    const names = ['ready', 'change', 'rejected', 'unused', 'stale', 'live', 'error'] as const
    for (const name of names) config.on(name, (event: unknown) => record(event))
    config.watch(
      (value) => value.db,
      (next, previous, change) => {
        record(next, previous, change)
        throw new Error(`a listener that fails`)
      },
    )
    expect(config.current.db.url).toBe(OLD)

    await shop.write({ 'db/url': NEW, 'db/ulr': NEW.replace('swordfish-', 'typo-') })
    await config.refresh()
    expect(config.current.db.url).toBe(NEW)
    await shop.write({ 'db/url': BAD })
    await config.refresh()
    expect(config.status.rejected).toBeDefined()
    record(
      config,
      config.current,
      config.status,
      config.snapshot(),
      config.explain('db.url'),
      config.explain('db'),
    )
    record(await shop.load().catch((error: Error) => [error, error.message, error.stack]))
    await config.close()
    output.push(readFileSync(path, 'utf8'))
    rmSync(path)

    const all = output.join('\n')
    expect(all).toContain('[secret]')
    for (const secret of ['hunter2-secret', 'swordfish-secret', 'opensesame-secret'])
      expect(all).not.toContain(secret)
    // the mistyped name is reported by its key, without the value
    expect(all).toContain('db/ulr')
    expect(all).not.toContain('typo-secret')
  })
})
