import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Logger } from '@livetree/etcd'
import { request } from 'undici'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { freePorts } from '../../support/free-ports.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { waitFor } from '../../support/wait-for.ts'
import { collecting } from '../coordination/kit.ts'
import { discoveryOn, startProvider } from './discovery-kit.ts'

oneEtcd('a snapshot of the endpoints', (etcd) => {
  withoutOpenHandles()
  let snapshotDirectory: string

  beforeEach(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'livetree-snapshot-'))
    snapshotDirectory = join(folder, 'views')
    onTestFinished(() => rm(folder, { recursive: true }))
  })

  /** A discovery whose etcd does not answer. */
  async function withoutEtcd(logger: Logger | false = false) {
    const [port = 0] = await freePorts(1)
    return discoveryOn(`http://127.0.0.1:${port}`, { snapshotDirectory, startupTimeoutMs: 2_000, logger })
      .discovery
  }

  test('lets a process that starts without etcd find them, until the store says more', async () => {
    const server = await etcd.start()
    const provider = await startProvider()
    const { discovery } = discoveryOn(server.endpoint)
    await discovery.register({ service: 'kept', server: provider.server, metadata: { shard: 3 }, zone: 'a' })
    const first = discoveryOn(server.endpoint, { snapshotDirectory })
    const before = await first.discovery.openService('kept')
    await first.discovery.close()
    const file = join(snapshotDirectory, 'kept.json')
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect((await stat(snapshotDirectory)).mode & 0o777).toBe(0o700)
    expect(await readdir(snapshotDirectory)).toEqual(['kept.json'])
    const [endpoint] = before.endpoints

    const second = await withoutEtcd()
    const { statusCode, body } = await request('http://kept.service/', { dispatcher: second.dispatcher() })
    await body.dump()
    expect(statusCode).toBe(200)
    const view = await second.openService('kept')
    expect(view.status).toMatchObject({ state: 'stale', revision: 0, counts: { ready: 1 } })
    const { id, address, zone, metadata, key } = view.endpoints[0] ?? {}
    expect({ id, address, zone, metadata, key }).toEqual({
      id: endpoint?.id,
      address: endpoint?.address,
      zone: 'a',
      metadata: { shard: 3 },
      key: endpoint?.key,
    })

    // With etcd there, the store alone counts.
    await server.stop()
    const third = discoveryOn(server.endpoint, { snapshotDirectory, startupTimeoutMs: 500 })
    const late = await third.discovery.openService('kept')
    await waitFor(() => late.endpoints.length === 1)
    await server.restart()
    await third.client.kv.deleteRange({ prefix: 'services/kept/' })
    await late.fresh()
    expect(late.status.state).toBe('live')
    await waitFor(() => late.revision > 0)
  })

  test('is not used if it is of another prefix, or damaged, and says so', async () => {
    const server = await etcd.start()
    const { client, discovery } = discoveryOn(server.endpoint, { snapshotDirectory })
    const record = { Op: 0, Addr: '127.0.0.1:1', Metadata: null }
    await client.kv.put('services/odd/a', JSON.stringify(record))
    const view = await discovery.openService('odd')
    expect(view.endpoints).toHaveLength(1)
    await discovery.close()
    const file = join(snapshotDirectory, 'odd.json')
    const good = await readFile(file, 'utf8')
    const bad = [
      good.replace('"services/odd/"', '"other/odd/"'),
      good.slice(0, -10),
      good.replace('"format":1', '"format":2'),
      good.replace('services/odd/a', 'services/other/a'),
      good.replace('127.0.0.1:1', 'not an address'),
      good.replace('127.0.0.1:1', '0.0.0.0:1'),
      'null',
    ]
    for (const text of bad) {
      await writeFile(file, text)
      const warnings: string[] = []
      const opened = await (await withoutEtcd(collecting(warnings))).openService('odd')
      expect(opened.endpoints).toEqual([])
      expect(warnings.filter((each) => each.includes('odd.json could not be read'))).toHaveLength(1)
    }
  })
})
