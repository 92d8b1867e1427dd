import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEtcdClient, type EtcdClient, op } from '@livetree/etcd'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientEtcds } from '../../support/each-etcd.ts'
import { failure } from '../../support/failure.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'
import { startProxy, type TcpProxy } from '../../support/start-proxy.ts'

const folder = mkdtempSync(join(tmpdir(), 'livetree-ends-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Control {
  readonly signal?: AbortSignal
}

async function readAll(pages: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of pages) await Promise.resolve()
}

const ttlSeconds = 60
const calls: Record<string, (client: EtcdClient, control: Control) => Promise<unknown>> = {
  get: ({ kv }, control) => kv.get('k', control),
  'a serializable get': ({ kv }, control) => kv.get('k', { ...control, serializable: true }),
  getRange: ({ kv }, control) => kv.getRange({ prefix: '', ...control }),
  scan: ({ kv }, control) => kv.scan({ prefix: '', pageSize: 1, ...control }, () => undefined),
  pages: ({ kv }, control) => readAll(kv.pages({ prefix: '', pageSize: 1, ...control })),
  iterate: ({ kv }, control) => readAll(kv.iterate({ prefix: '', pageSize: 1, ...control })),
  put: ({ kv }, control) => kv.put('k', 'v', control),
  deleteRange: ({ kv }, control) => kv.deleteRange({ prefix: 'gone', ...control }),
  txn: ({ kv }, control) => kv.txn().then(op.put('k', 'v')).commit(control),
  create: ({ kv }, control) => kv.create(`new${Math.random()}`, 'v', control),
  swap: ({ kv }, control) => kv.compareAndSwap('k', 'v', { expectedRevision: 2, isUnique: true, ...control }),
  append: ({ kv }, control) => kv.append('queue/', 'v', control),
  putWithTtl: ({ kv }, control) => kv.putWithTtl('ttl', 'v', { ttlSeconds, ...control }),
  compact: ({ kv }, control) => kv.compact(1, control),
  nextChange: ({ kv }, control) => kv.nextChange({ prefix: 'quiet', ...control }),
  grant: ({ lease }, control) => lease.grant({ ttlSeconds, ...control }),
  'grant of an id': ({ lease }, control) => lease.grant({ ttlSeconds, id: 4711n, ...control }),
  adopt: ({ lease }, control) => lease.adopt(7n, control),
  keepAliveOnce: ({ lease }, control) => lease.keepAliveOnce(7n, control),
  revoke: ({ lease }, control) => lease.revoke(99n, control),
  timeToLive: ({ lease }, control) => lease.timeToLive(7n, control),
  status: ({ maintenance }, control) => maintenance.status(control),
  disarmAlarms: ({ maintenance }, control) => maintenance.disarmAlarms({}, control),
  moveLeader: ({ maintenance }, control) => maintenance.moveLeader(7n, control),
  saveSnapshot: ({ maintenance }, control) => maintenance.saveSnapshot(join(folder, 'db'), control),
  snapshot: ({ maintenance }, control) => readAll(maintenance.snapshot(control)),
  members: ({ cluster }, control) => cluster.members(control),
  'users.list': ({ authAdmin }, control) => authAdmin.users.list(control),
  'roles.grant': ({ authAdmin }, control) =>
    authAdmin.roles.grant('r', { access: 'read', range: { key: 'k' } }, control),
}
const writes = new Set([
  'put',
  'deleteRange',
  'txn',
  'create',
  'swap',
  'grant',
  'grant of an id',
  'revoke',
  'roles.grant',
  // These read first, and are given up there: nothing was written by then.
  'append',
  'disarmAlarms',
  'moveLeader',
  'putWithTtl',
  'compact',
])
const reading = new Set(['append', 'disarmAlarms', 'moveLeader'])

clientEtcds('a call that is given up ends at once, by an error of ours:', (etcd) => {
  withoutOpenHandles()
  let server: EtcdServer
  let proxy: TcpProxy

  beforeAll(async () => {
    server = await etcd.start()
    proxy = await startProxy({ target: server.endpoint })
    const client = createEtcdClient({ endpoints: server.endpoint })
    for (let index = 0; index < 5; index += 1) await client.kv.put(`a${index}`, 'v')
    await client.lease.grant({ ttlSeconds: 600, id: 7n })
    await client.close()
  })

  afterAll(async () => {
    await proxy.close()
    await server.close()
  })

  test.each(Object.keys(calls))('%s', async (name) => {
    const call = calls[name]!
    for (const how of ['before', 'abort', 'close', 'after close'] as const) {
      const client = createEtcdClient({ endpoints: proxy.endpoint, timeouts: { callMs: 60_000 } })
      await client.kv.get('k')
      const stop = new AbortController()
      if (how === 'before') stop.abort('not even begun')
      if (how === 'after close') await client.close()
      // Nothing comes back: each request is under way until it is given up.
      proxy.stall('toClient')
      const carried = proxy.carriedBytes.toServer
      const failed = failure(call(client, { signal: stop.signal }))
      if (how === 'abort' || how === 'close') {
        while (proxy.carriedBytes.toServer === carried) await new Promise((resolve) => setTimeout(resolve, 1))
      }
      const startedAt = performance.now()
      if (how === 'abort') stop.abort(new Error('enough'))
      if (how === 'close') await client.close()
      const error = await failed
      expect(performance.now() - startedAt, how).toBeLessThan(5_000)
      const isClosed = how === 'close' || how === 'after close'
      expect(error.code, how).toBe(isClosed ? 'closed' : 'cancelled')
      const isSent = (how === 'abort' || how === 'close') && !reading.has(name)
      if (writes.has(name)) expect(error.fate, how).toBe(isSent ? 'unknown' : 'not_sent')
      proxy.heal()
      await client.close()
    }
    expect(readdirSync(folder)).toEqual([])
  })
})
