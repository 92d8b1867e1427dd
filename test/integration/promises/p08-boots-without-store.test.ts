import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { etcd as etcdSource, file } from 'livetree'
import { afterAll, expect, test } from 'vitest'
import { eachEtcd } from '../../support/each-etcd.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { GOOD_TREE, shop as definition, useShop } from './shop.ts'

eachEtcd('P8 boots without the store', (etcd) => {
  const shop = useShop(etcd)
  const folder = mkdtempSync(join(tmpdir(), 'livetree-p08-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  let files = 0
  const newPath = () => join(folder, `${++files}.snapshot`)

  /** Loads once while etcd is there, so that the snapshot is on disk, and closes again. */
  const leaveSnapshot = async (path: string, key?: string) => {
    await shop.write(GOOD_TREE)
    const config = await shop.load({ snapshot: { path, key } })
    const { revision } = config
    await config.close()
    return revision
  }

  /** As `shop.load`, on an endpoint where nobody is until `proxy.accept()`. */
  const loadCutOff = async (options: object) => {
    const proxy = shop.keep(await startProxy({ target: shop.server.endpoint }))
    await proxy.refuse()
    return { proxy, loading: shop.load(options, { endpoints: [proxy.endpoint] }) }
  }

  test('fail: rejects within the time given, and says which endpoint', async () => {
    const startedAt = performance.now()
    const { proxy, loading } = await loadCutOff({ startup: { timeoutMs: 500 } })
    const error = (await loading.catch((thrown: Error) => thrown)) as Error
    expect(error).toMatchObject({ code: expect.stringMatching(/startup_timeout|source_unavailable/) })
    expect(error.message).toContain(proxy.endpoint)
    expect(performance.now() - startedAt).toBeLessThan(5_000)
  })

  test('fail: names the endpoint also when nothing was heard of it yet', async () => {
    const { proxy, loading } = await loadCutOff({ startup: { timeoutMs: 1 } })
    const error = (await loading.catch((thrown: Error) => thrown)) as Error
    expect(error.message).toContain(proxy.endpoint)
  })

  test('snapshot: serves the last good state at once, stale, and goes live by itself', async () => {
    const path = newPath()
    const revision = await leaveSnapshot(path, 'a key')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readFileSync(path).includes('hunter2-secret')).toBe(false)

    const { proxy, loading } = await loadCutOff({
      startup: { timeoutMs: 300, onUnavailable: 'snapshot' },
      snapshot: { path, key: 'a key' },
    })
    const config = await loading
    expect(config.current).toMatchObject({ db: { url: GOOD_TREE['db/url'], pool: { max: 10 } } })
    expect(config.status).toMatchObject({ state: 'stale', servedFrom: 'snapshot', revision })
    await shop.write({ 'db/pool/max': '20' })
    await proxy.accept()
    await waitFor(() => config.current.db.pool.max === 20, { timeoutMs: 20_000 })
    expect(config.status).toMatchObject({ state: 'live', servedFrom: 'sources' })
  })

  test('a restart during a bad push serves the snapshot and reports what is wrong', async () => {
    const path = newPath()
    await leaveSnapshot(path, 'a key')
    const bad = await shop.write({ 'db/pool/max': 'ten' })
    const config = await shop.load({
      startup: { onUnavailable: 'snapshot' },
      snapshot: { path, key: 'a key' },
    })
    expect(config.current.db.pool.max).toBe(10)
    expect(config.status.rejected).toMatchObject({ revision: bad, issues: [{ pathText: 'db.pool.max' }] })
    await shop.write({ 'db/pool/max': '30' })
    await waitFor(() => config.current.db.pool.max === 30)
    expect(config.status.rejected).toBeUndefined()
  })

  test('defaults: what the other sources and the schema give, until the store is there', async () => {
    const defaults = join(folder, 'defaults.yaml')
    writeFileSync(defaults, 'http:\n  timeoutMs: 7\ndb:\n  url: http://localhost/\n  pool: { max: 1 }\n')
    await shop.write(GOOD_TREE)
    const proxy = shop.keep(await startProxy({ target: shop.server.endpoint }))
    await proxy.refuse()
    const sources = [
      file(defaults),
      etcdSource({ endpoints: [proxy.endpoint], root: shop.root, overlays: ['prod'] }),
    ]
    // All sources have this long, and a busy machine may need seconds to read a local file.
    const startup = { timeoutMs: 3_000, onUnavailable: 'defaults' } as const
    const config = shop.keep(await definition.load({ sources, startup }))
    expect(config.current).toMatchObject({ http: { port: 3000, timeoutMs: 7 }, features: {} })
    await proxy.accept()
    await waitFor(() => config.current.features.search === true, { timeoutMs: 20_000 })
    expect(config.current.http.timeoutMs).toBe(1500)
  })

  test('without a key no secret is on disk; what cannot be used is a defined error', async () => {
    const path = newPath()
    await leaveSnapshot(path)
    expect(readFileSync(path, 'utf8')).not.toContain('hunter2-secret')
    const sealed = newPath()
    await leaveSnapshot(sealed, 'a key')
    const bytes = readFileSync(sealed)
    const cases: [string, () => void, object][] = [
      ['the wrong key', () => writeFileSync(sealed, bytes), { key: 'another key' }],
      ['cut off', () => writeFileSync(sealed, bytes.subarray(0, bytes.length / 2)), { key: 'a key' }],
      ['a flipped bit', () => writeFileSync(sealed, flipped(bytes)), { key: 'a key' }],
      ['missing', () => rmSync(sealed), { key: 'a key' }],
    ]
    for (const [what, damage, { key }] of cases as [string, () => void, { key: string }][]) {
      damage()
      const { loading } = await loadCutOff({
        startup: { timeoutMs: 300, onUnavailable: 'snapshot' },
        snapshot: { path: sealed, key },
      })
      const error = (await loading.catch((thrown: Error) => thrown)) as Error & { code?: string }
      expect(error.message, what).toMatch(/snapshot/)
      expect(error.code, what).toBeDefined()
    }
  })

  test('reads go on while etcd is away', async () => {
    const server = await etcd.start()
    const { createEtcdClient } = await import('@livetree/etcd')
    const client = shop.keep(createEtcdClient({ endpoints: [server.endpoint] }))
    for (const [path, text] of Object.entries(GOOD_TREE)) await client.kv.put(`${shop.root}/${path}`, text)
    const config = shop.keep(
      await definition.load({ sources: [etcdSource({ endpoints: [server.endpoint], root: shop.root })] }),
    )
    // Asked to stop, etcd 3.5 would wait seven seconds for its streams.
    await server.kill()
    expect(config.current.db.pool.max).toBe(10)
    await server.restart()
    await waitFor(() => client.kv.put(`${shop.root}/db/pool/max`, '40'))
    await waitFor(() => config.current.db.pool.max === 40, { timeoutMs: 20_000 })
  })
})

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  copy[copy.length - 20]! ^= 1
  return copy
}
