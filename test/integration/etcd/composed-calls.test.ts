import { createEtcdClient, type EtcdClient, EtcdError, type EtcdErrorCode } from '@livetree/etcd'
import { afterEach, describe, expect, test } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { failure } from '../../support/failure.ts'
import { freePorts } from '../../support/free-ports.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'
import { startProxy, type TcpProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'

const CLOSING: (() => Promise<void>)[] = []

function clientOf(endpoints: string | readonly string[], callMs = 10_000): EtcdClient {
  const client = createEtcdClient({ endpoints, timeouts: { callMs } })
  CLOSING.push(() => client.close())
  return client
}

const MARKED = 'lose-the-answer-to-this'

/** A proxy that loses the answer to the first request with a marked value, and those after it. */
async function proxyTo(target: string): Promise<TcpProxy> {
  const admit = (bytes: Buffer): boolean => {
    if (bytes.includes(MARKED)) proxy.dropReplies()
    return true
  }
  const proxy: TcpProxy = await startProxy({ target, admit })
  CLOSING.push(() => proxy.close())
  return proxy
}

oneEtcd('calls made of several requests', (etcd) => {
  withoutOpenHandles()

  afterEach(async () => {
    for (const close of CLOSING.splice(0).reverse()) await close()
  })

  /** One write through the proxy loses its answer in the first store; then another one stands behind the endpoint. */
  async function lostIn(
    a: EtcdServer,
    next: () => Promise<unknown>,
    proxy: TcpProxy,
    write: () => Promise<unknown>,
  ): Promise<EtcdError | undefined> {
    const direct = clientOf(a.endpoint)
    const before = (await direct.kv.getRange({ key: 'k' })).header.revision
    const outcome = write().then(
      () => undefined,
      (error: EtcdError) => error,
    )
    await waitFor(async () => (await direct.kv.getRange({ key: 'k' })).header.revision > before)
    await next()
    proxy.heal()
    proxy.cutAll()
    return outcome
  }

  type Write = [string, (client: EtcdClient) => Promise<unknown>]
  const WRITES: readonly Write[] = [
    ['create', ({ kv }) => kv.create('w/k', MARKED, { isUnique: true })],
    [
      'swap of nothing',
      ({ kv }) => kv.compareAndSwap('w/k', MARKED, { expectedRevision: 0, isUnique: true }),
    ],
    ['append', ({ kv }) => kv.append('w/', MARKED)],
    ['putWithTtl', ({ kv }) => kv.putWithTtl('w/k', MARKED, { ttlSeconds: 60 })],
  ]

  test.each(WRITES)('%s whose answer was lost is not written into another cluster, too', async (_, write) => {
    const [a, b] = await Promise.all([etcd.start(), etcd.start()])
    const proxy = await proxyTo(a.endpoint)
    const client = clientOf(proxy.endpoint, 3_000)
    await client.kv.get('warm')
    const move = async () => proxy.retarget(b.endpoint)
    const error = await lostIn(a, move, proxy, () => write(client))
    expect(error).toMatchObject({ fate: 'unknown' })
    expect(await clientOf(b.endpoint).kv.count({ prefix: '' })).toBe(0)
  })

  test('a lease is revoked where it was granted, whatever another cluster says of its id', async () => {
    const [a, b] = await Promise.all([etcd.start(), etcd.start()])
    const proxy = await proxyTo(a.endpoint)
    for (let round = 0; round < 4; round += 1) {
      proxy.retarget(a.endpoint)
      const client = clientOf([proxy.endpoint, a.endpoint])
      const lease = await client.lease.grant({ ttlSeconds: 600 })
      for (let get = 0; get <= round % 2; get += 1) await client.kv.get('warm')
      proxy.retarget(b.endpoint)
      proxy.cutAll()
      await lease.revoke()
      expect(await clientOf(a.endpoint).lease.list()).toEqual([])
    }
  })

  describe('over a store that was wiped and has the same cluster id', () => {
    async function wiped(
      revisions: number,
    ): Promise<{ server: EtcdServer; proxy: TcpProxy; client: EtcdClient }> {
      const server = await etcd.start()
      const proxy = await proxyTo(server.endpoint)
      const client = clientOf(proxy.endpoint)
      for (let put = 0; put < revisions; put += 1) await client.kv.put('x', String(put))
      const { clusterId } = (await client.kv.getRange({ key: 'x' })).header
      await server.restart({ emptyData: true, keepIdentity: true })
      await waitFor(async () => (await client.kv.getRange({ key: 'x' })).header.clusterId === clusterId)
      return { server, proxy, client }
    }

    test('serializable reads go on once a linearizable answer has shown it', async () => {
      const { client } = await wiped(20)
      await client.kv.getRange({ key: 'x' })
      expect(await client.kv.get('x', { serializable: true })).toBeUndefined()
    })

    test('a create whose answer was lost is not called refused', async () => {
      const { server, proxy, client } = await wiped(20)
      const error = await lostIn(
        server,
        async () => undefined,
        proxy,
        () => client.kv.create('fresh', MARKED),
      )
      expect(error).toMatchObject({ code: 'outcome_unknown', fate: 'unknown' })
    })
  })

  test('close refuses new calls at once, and gives back what a call has under way', async () => {
    const server = await etcd.start()
    const proxy = await proxyTo(server.endpoint)
    const direct = clientOf(server.endpoint)
    const client = clientOf(proxy.endpoint)
    await client.kv.get('warm')
    proxy.dropReplies()
    const putting = failure(client.kv.putWithTtl('ttl', 'v', { ttlSeconds: 600 }))
    const reading = failure(client.kv.get('warm'))
    await waitFor(async () => (await direct.lease.list()).length === 1)
    const closing = client.close()
    const late: (() => Promise<unknown>)[] = [
      () => client.kv.put('late', 'v'),
      () => client.kv.putWithTtl('late', 'v', { ttlSeconds: 60 }),
      () => client.lease.grant({ ttlSeconds: 60 }),
      () => client.maintenance.status(),
    ]
    for (const call of late) expect(await failure(call())).toMatchObject({ code: 'closed', fate: 'not_sent' })
    expect([(await putting).code, (await reading).code]).toEqual(['closed', 'closed'])
    await closing
    await waitFor(async () => (await direct.lease.list()).length === 0)
    expect(await direct.kv.count({ prefix: '' })).toBe(0)
  })

  test('close waits for no lease that was never asked for', async () => {
    const [port] = await freePorts(1)
    const client = clientOf(`http://127.0.0.1:${port}`)
    const putting = failure(client.kv.putWithTtl('ttl', 'v', { ttlSeconds: 600 }))
    const startedAt = performance.now()
    await client.close()
    expect(performance.now() - startedAt).toBeLessThan(900)
    expect(await putting).toMatchObject({ code: 'closed', fate: 'not_sent' })
  })

  test('compact of what is compacted already counts as done', async () => {
    const { kv } = clientOf((await etcd.start()).endpoint)
    for (let put = 0; put < 5; put += 1) await kv.put('k', String(put))
    for (const revision of [3, 3, 2, 0]) await kv.compact(revision)
    expect((await failure(kv.compact(1_000))).code).toBe('future_revision')
  })

  test('moveLeader does not wait for an endpoint that is down', async () => {
    const [port] = await freePorts(1)
    const { endpoint } = await etcd.start()
    const client = clientOf([endpoint, `http://127.0.0.1:${port}`], 60_000)
    const { memberId } = await client.maintenance.status({ endpoint })
    const startedAt = performance.now()
    const moved = await client.maintenance.moveLeader(memberId).catch((error: EtcdError) => error.code)
    expect(['no_leader', 'deadline_exceeded', 'connect_failed']).not.toContain(moved)
    expect(performance.now() - startedAt).toBeLessThan(20_000)
  })

  describe('scan with call-backs of its own', () => {
    async function store(): Promise<EtcdClient> {
      const client = clientOf((await etcd.start()).endpoint)
      for (let put = 0; put < 6; put += 1) await client.kv.put(`s/${put}`, 'v')
      return client
    }

    test('ends with what onPage throws or rejects with, and waits for it before the next page', async () => {
      const { kv } = await store()
      const reason = new Error('enough')
      const rejecting = async () => {
        await Promise.resolve()
        throw reason
      }
      await expect(kv.scan({ prefix: 's/', pageSize: 2 }, rejecting)).rejects.toBe(reason)
      let running = 0
      const { count } = await kv.scan({ prefix: 's/', pageSize: 2 }, async () => {
        running += 1
        await new Promise(setImmediate)
        expect(running).toBe(1)
        running -= 1
      })
      expect(count).toBe(6)
    })

    test('tells a compaction of its own from an error that the caller throws', async () => {
      const { kv } = await store()
      const code: EtcdErrorCode = 'compacted'
      let restarts = 0
      const onRestart = () => {
        restarts += 1
      }
      const theirs = new EtcdError(code)
      const throwing = () => {
        throw theirs
      }
      await expect(kv.scan({ prefix: 's/', pageSize: 2, onRestart }, throwing)).rejects.toBe(theirs)
      expect(restarts).toBe(0)
      const reason = new Error('no more')
      const compacting = async () => {
        const { header } = await kv.put('s/0', 'again')
        await kv.compact(header.revision)
      }
      const refusing = async () => {
        throw reason
      }
      await expect(kv.scan({ prefix: 's/', pageSize: 1, onRestart: refusing }, compacting)).rejects.toBe(
        reason,
      )
    })
  })
})
