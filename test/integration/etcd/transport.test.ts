import {
  compare,
  createEtcdClient,
  type EtcdClient,
  type EtcdClientOptions,
  EtcdError,
  op,
} from '@livetree/etcd'
import { setTimeout as sleep } from 'node:timers/promises'
import { Auth } from '@livetree/etcd/wire'
import { afterEach, describe, expect, test } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { failure } from '../../support/failure.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'
import { startProxy, type TcpProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'

const outcomeOf = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'ok',
    (error: unknown) => (error instanceof EtcdError ? error.code : `not ours: ${String(error)}`),
  )

oneEtcd('the transport', (etcd) => {
  withoutOpenHandles()
  const closing: (() => Promise<void>)[] = []

  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  const start = async (options?: Parameters<typeof etcd.start>[0]): Promise<EtcdServer> => {
    const server = await etcd.start(options)
    closing.push(() => server.close())
    return server
  }

  const clientOf = (options: EtcdClientOptions): EtcdClient => {
    const client = createEtcdClient(options)
    closing.push(() => client.close())
    return client
  }

  const proxyTo = async (server: EtcdServer): Promise<TcpProxy> => {
    const proxy = await startProxy({ target: server.endpoint })
    closing.push(() => proxy.close())
    return proxy
  }

  describe('a server that is killed', () => {
    test.each(['SIGKILL', 'SIGTERM'] as const)(
      'by %s under load, again and again: every call settles, no write is applied twice, none that was acknowledged is lost',
      { timeout: 120_000 },
      async (signal) => {
        const server = await start()
        const client = clientOf({ endpoints: server.endpoint, timeouts: { callMs: 15_000 } })
        await client.kv.put('/warm', 'up')
        const acknowledged = new Set<string>()
        const outcomes = new Map<string, number>()
        let isOver = false
        let sent = 0
        const worker = async (id: number): Promise<void> => {
          for (let round = 0; !isOver; round += 1) {
            const key = `/load/${id}/${round}`
            sent += 1
            const outcome = await outcomeOf(client.kv.put(key, 'v'))
            outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
            if (outcome === 'ok') acknowledged.add(key)
            const read = await outcomeOf(client.kv.get(key))
            outcomes.set(`read ${read}`, (outcomes.get(`read ${read}`) ?? 0) + 1)
          }
        }
        const workers = Array.from({ length: 50 }, (_, id) => worker(id))
        for (let kill = 0; kill < 3; kill += 1) {
          const before = acknowledged.size
          await waitFor(() => acknowledged.size > before + 500, { timeoutMs: 30_000 })
          await server.stop(signal)
          await server.restart()
        }
        isOver = true
        await Promise.all(workers)
        expect(
          [...outcomes.keys()].filter((each) => !['ok', 'read ok', 'outcome_unknown'].includes(each)),
        ).toEqual([])
        expect([...outcomes.values()].reduce((a, b) => a + b, 0)).toBe(sent * 2)
        const { entries } = await client.kv.getRange({ prefix: '/load/' })
        expect(entries.filter((each) => each.version !== 1)).toEqual([])
        const found = new Set(entries.map((each) => each.key))
        expect([...acknowledged].filter((key) => !found.has(key))).toEqual([])
      },
    )

    test('and stays away: reads and writes fail in words, and work again when it is back', async () => {
      const server = await start()
      const client = clientOf({ endpoints: server.endpoint, timeouts: { callMs: 300 } })
      await client.kv.put('/a', '1', { timeoutMs: 5_000 })
      await server.kill()
      const error = await failure(client.kv.put('/a', '2'))
      expect(error).toMatchObject({ code: 'connect_failed', fate: 'not_sent', endpoint: server.endpoint })
      expect(error.message).toMatch(/connection refused\. Is etcd running there/)
      expect((await failure(client.kv.get('/a'))).code).toBe('connect_failed')
      await server.restart()
      expect((await client.kv.get('/a', { timeoutMs: 5_000 }))?.text).toBe('1')
    })
  })

  describe('a network that misbehaves', () => {
    test('one byte at a time is slow and right', async () => {
      const server = await start()
      const proxy = await proxyTo(server)
      const client = clientOf({ endpoints: proxy.endpoint })
      proxy.rechunk(1)
      await client.kv.put('/a', 'x'.repeat(2000))
      expect((await client.kv.get('/a'))?.text).toHaveLength(2000)
    })

    test('cut in the middle of a large answer: the read comes whole all the same', async () => {
      const server = await start()
      const proxy = await proxyTo(server)
      const client = clientOf({ endpoints: proxy.endpoint })
      for (let index = 0; index < 20; index += 1)
        await client.kv.put(`/big/${index}`, Buffer.alloc(200_000, index + 1))
      const cut = proxy.cutAfter(1_500_000)
      const { entries } = await client.kv.getRange({ prefix: '/big/' })
      await cut
      expect(entries).toHaveLength(20)
      for (const entry of entries) expect(entry.value).toHaveLength(200_000)
    })

    test('a black hole: the read ends at its deadline, the write with outcome_unknown, and both work afterwards', async () => {
      const server = await start()
      const proxy = await proxyTo(server)
      const client = clientOf({ endpoints: proxy.endpoint, timeouts: { callMs: 300 } })
      await client.kv.put('/a', '1', { timeoutMs: 5_000 })
      proxy.stall()
      const [read, write] = await Promise.all([
        failure(client.kv.get('/a')),
        failure(client.kv.put('/a', '2')),
      ])
      expect(read.code).toBe('deadline_exceeded')
      expect(write.code).toBe('outcome_unknown')
      proxy.heal()
      expect(await outcomeOf(client.kv.get('/a', { timeoutMs: 5_000 }))).toBe('ok')
    })

    // Node counts what it holds for a connection, and above 10 MB resets every call.
    test.each([
      [12, 1_400_000],
      [250, 50_000],
    ])(
      '%i calls of %i bytes that are given up while it is frozen do no harm to later ones',
      async (count, bytes) => {
        const server = await start()
        const client = clientOf({ endpoints: server.endpoint })
        await client.kv.put('/a', '1')
        for (let round = 0; round < 3; round += 1) {
          await server.pause()
          const given = new AbortController()
          const writes = Array.from({ length: count }, (_, index) =>
            outcomeOf(client.kv.put(`/large/${index}`, 'x'.repeat(bytes), { signal: given.signal })),
          )
          await sleep(200)
          given.abort()
          expect(new Set(await Promise.all(writes))).toEqual(new Set(['cancelled']))
          server.resume()
          expect(await outcomeOf(client.kv.put('/a', '2'))).toBe('ok')
          expect(await outcomeOf(client.kv.get('/a'))).toBe('ok')
        }
      },
    )

    test.each([
      [1_000, 12_000],
      [300, 60_000],
    ])(
      '%i writes of %i bytes that were begun while it was frozen are made once it goes on',
      async (count, bytes) => {
        const server = await start()
        const client = clientOf({ endpoints: server.endpoint, timeouts: { callMs: 30_000 } })
        await client.kv.put('/a', '1')
        await server.pause()
        const writes = Array.from({ length: count }, (_, index) =>
          outcomeOf(client.kv.put(`/small/${index}`, 'x'.repeat(bytes))),
        )
        await sleep(500)
        server.resume()
        expect(new Set(await Promise.all(writes))).toEqual(new Set(['ok']))
      },
    )

    test('a server that is frozen is the same, and comes back', async () => {
      const server = await start()
      const client = clientOf({ endpoints: server.endpoint, timeouts: { callMs: 300 } })
      await client.kv.put('/a', '1', { timeoutMs: 5_000 })
      await server.pause()
      expect(await outcomeOf(client.kv.get('/a'))).toBe('deadline_exceeded')
      server.resume()
      expect(await outcomeOf(client.kv.get('/a', { timeoutMs: 5_000 }))).toBe('ok')
    })
  })

  describe('several members', () => {
    etcd.needs('cluster')

    test('one is killed: reads and writes go on over the others', { timeout: 120_000 }, async () => {
      const cluster = await etcd.startCluster()
      closing.push(() => cluster.close())
      const client = clientOf({ endpoints: [...cluster.endpoints] })
      for (let index = 0; index < 10; index += 1) await client.kv.put(`/a/${index}`, 'v')
      await cluster.members[0]!.kill()
      const outcomes = new Set<string>()
      for (let index = 0; index < 30; index += 1) {
        expect(await outcomeOf(client.kv.get('/a/1'))).toBe('ok')
        outcomes.add(await outcomeOf(client.kv.put(`/b/${index}`, 'v')))
      }
      expect([...outcomes].filter((each) => each !== 'ok' && each !== 'outcome_unknown')).toEqual([])
      expect(outcomes).toContain('ok')
    })

    test('one is frozen: reads are answered by another within the time of one attempt', {
      timeout: 120_000,
    }, async () => {
      const cluster = await etcd.startCluster()
      closing.push(() => cluster.close())
      const client = clientOf({
        endpoints: [...cluster.endpoints],
        timeouts: { callMs: 10_000, attemptMs: 500 },
      })
      for (let index = 0; index < 6; index += 1) await client.kv.put('/a', 'v')
      // The one that leads would take the cluster with it for an election.
      const leader = await cluster.leader()
      const follower = cluster.members.find((member) => member !== leader)!
      await follower.pause()
      for (let index = 0; index < 6; index += 1) expect(await outcomeOf(client.kv.get('/a'))).toBe('ok')
      follower.resume()
    })

    test('without a majority there is no leader, and it is said so', { timeout: 120_000 }, async () => {
      const cluster = await etcd.startCluster()
      closing.push(() => cluster.close())
      const alive = cluster.members[0]!
      const client = clientOf({ endpoints: alive.endpoint, timeouts: { callMs: 1_000 } })
      await client.kv.put('/a', '1')
      await cluster.members[1]!.kill()
      await cluster.members[2]!.kill()
      const request = { key: '/a' }
      const { KV } = await import('@livetree/etcd/wire')
      const ask = () =>
        failure(
          client.channel.unary(KV.range, request, { retry: 'read', requireLeader: true, timeoutMs: 300 }),
        )
      await waitFor(
        async () => {
          const error = await ask()
          return (
            error.code === 'no_leader' ||
            (error.cause instanceof EtcdError && error.cause.code === 'no_leader')
          )
        },
        { timeoutMs: 30_000 },
      )
      const serializable = await client.kv.get('/a', { serializable: true })
      expect(serializable?.text).toBe('1')
    })

    test('members are adopted when they answer from here, and the seeds stay', {
      timeout: 120_000,
    }, async () => {
      const cluster = await etcd.startCluster()
      closing.push(() => cluster.close())
      const [seed] = cluster.endpoints
      const client = clientOf({ endpoints: seed! })
      await client.kv.put('/a', '1')
      expect([...(await client.syncMembers())].sort()).toEqual([...cluster.endpoints].sort())
      expect(client.channel.endpoints()).toHaveLength(3)
      const byItself = clientOf({ endpoints: seed!, syncMembersMs: 20 })
      await waitFor(() => byItself.channel.endpoints().length === 3)
      await cluster.members[0]!.kill()
      for (let index = 0; index < 6; index += 1) expect(await outcomeOf(client.kv.get('/a'))).toBe('ok')
    })
  })

  describe('members that cannot be reached from here', () => {
    test('are not adopted', async () => {
      const server = await start({
        args: ['--advertise-client-urls=http://192.0.2.1:2379,http://127.0.0.1:1'],
      })
      const client = clientOf({ endpoints: server.endpoint, timeouts: { connectMs: 300 } })
      expect(await client.syncMembers()).toEqual([server.endpoint])
      expect(client.channel.endpoints()).toEqual([server.endpoint])
    })
  })

  describe('auth', () => {
    const password = 'secret-of-root'

    test('wrong password, missing credentials and missing permission are told apart', async () => {
      const server = await start({ auth: { password } })
      const root = clientOf({ endpoints: server.endpoint, auth: { username: 'root', password } })
      await root.kv.put('/mine/a', '1')
      const wrong = await failure(
        clientOf({ endpoints: server.endpoint, auth: { username: 'root', password: 'wrong' } }).kv.get(
          '/mine/a',
        ),
      )
      expect(wrong.code).toBe('unauthenticated')
      expect(wrong.message).not.toContain('wrong')
      expect((await failure(clientOf({ endpoints: server.endpoint }).kv.get('/mine/a'))).code).toBe(
        'unauthenticated',
      )
      await server.etcdctl(['user', 'add', 'reader:pw'])
      await server.etcdctl(['role', 'add', 'reads'])
      await server.etcdctl(['role', 'grant-permission', 'reads', 'read', '/mine/', '--prefix=true'])
      await server.etcdctl(['user', 'grant-role', 'reader', 'reads'])
      const reader = clientOf({ endpoints: server.endpoint, auth: { username: 'reader', password: 'pw' } })
      expect((await reader.kv.get('/mine/a'))?.text).toBe('1')
      expect((await failure(reader.kv.put('/mine/a', '2'))).code).toBe('permission_denied')
      expect((await failure(reader.kv.getRange({ prefix: '/' }))).code).toBe('permission_denied')
    })

    test('tokens that the server has forgotten: 50 calls, one Authenticate, all succeed', async () => {
      const server = await start({ auth: { password } })
      const client = clientOf({ endpoints: server.endpoint, auth: { username: 'root', password } })
      await client.kv.put('/a', '1')
      await server.restart()
      let authentications = 0
      const { channel } = client
      const unary = channel.unary.bind(channel)
      Object.assign(channel, {
        unary: (...args: Parameters<typeof unary>) => {
          if (args[0].path === Auth.authenticate.path) authentications += 1
          return unary(...args)
        },
      })
      const calls = Array.from({ length: 50 }, (_, index) =>
        index % 2 === 0 ? client.kv.get('/a') : client.kv.put(`/b/${index}`, 'v'),
      )
      expect(new Set(await Promise.all(calls.map(outcomeOf)))).toEqual(new Set(['ok']))
      expect(authentications).toBe(1)
      const { entries } = await client.kv.getRange({ prefix: '/b/' })
      expect(entries.map((each) => each.version)).toEqual(Array.from({ length: 25 }, () => 1))
    })

    test('tokens that expire are replaced, too', { timeout: 60_000 }, async () => {
      etcd.needs('log')
      const args = ['--auth-token-ttl=2', '--log-level=debug']
      const server = await start({ auth: { password }, args })
      const client = clientOf({ endpoints: server.endpoint, auth: { username: 'root', password } })
      await client.kv.put('/a', '1')
      await waitFor(() => /delet(ed|ing) .*token/.test(server.log), { timeoutMs: 30_000 })
      expect((await client.kv.get('/a'))?.text).toBe('1')
      await client.kv.put('/a', '2')
    })

    test('credentials for a cluster without auth are no obstacle', async () => {
      const server = await start()
      const client = clientOf({ endpoints: server.endpoint, auth: { username: 'root', password } })
      await client.kv.put('/a', '1')
      expect((await client.kv.get('/a'))?.text).toBe('1')
    })
  })

  test('NOSPACE: writes fail in words and are not repeated, reads and deletes pass', async () => {
    const server = await start({ args: ['--quota-backend-bytes=16777216'] })
    const client = clientOf({ endpoints: server.endpoint })
    const fill = async (): Promise<EtcdError> => {
      for (let index = 0; ; index += 1) {
        const error = await client.kv.put(`/fill/${index}`, Buffer.alloc(1_000_000)).then(
          () => undefined,
          (reason: unknown) => reason,
        )
        if (error instanceof EtcdError) return error
      }
    }
    const error = await fill()
    expect(error.code).toBe('no_space')
    expect(error.message).toMatch(/Compact, defragment, then disarm the alarm/)
    expect(
      (await failure(client.kv.txn().if(compare.isAbsent('/x')).then(op.put('/x', 'v')).commit())).code,
    ).toBe('no_space')
    expect(await outcomeOf(client.kv.get('/fill/0'))).toBe('ok')
    expect(await outcomeOf(client.kv.delete('/fill/0'))).toBe('ok')
  })

  test('a client of which nothing was asked opens nothing, and one that was closed leaves nothing', async () => {
    const server = await start()
    const proxy = await proxyTo(server)
    const idle = clientOf({ endpoints: proxy.endpoint })
    const used = clientOf({ endpoints: proxy.endpoint })
    await used.kv.get('/a')
    expect(proxy.accepted).toBe(1)
    await idle.close()
    await used.close()
    await waitFor(() => proxy.connections === 0)
    expect((await failure(used.kv.get('/a'))).code).toBe('closed')
    const stop = new AbortController()
    const bound = clientOf({ endpoints: proxy.endpoint, signal: stop.signal })
    await bound.kv.get('/a')
    stop.abort()
    await waitFor(() => proxy.connections === 0)
  })
})
