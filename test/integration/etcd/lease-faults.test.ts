import { expect, it } from 'vitest'
import { clientEtcds } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { isLongRun } from '../../support/run-length.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect, Recording } from './watch-kit.ts'

withoutOpenHandles()

clientEtcds('lease under faults', (etcd) => {
  /** When the client sends a renewal, and where to, is the same on every etcd. */
  const itOfClient = it.runIf(isLongRun || etcd.kind === 'embedded')

  itOfClient(
    'T3.79 is kept over a connection whose round trip is longer than a sixth of its time',
    async () => {
      const server = await etcd.start()
      await using proxy = await startProxy({ target: server.endpoint })
      const client = connect(proxy.endpoint)
      await client.kv.get('warm')
      proxy.delay(300, 'toClient')
      proxy.delay(300, 'toServer')
      const lease = await client.lease.grant({ ttlSeconds: 3 })
      const other = await client.lease.adopt(lease.id)
      for (const holder of [lease, other]) holder.keepAlive()
      const startedAt = Date.now()
      await waitFor(() => Date.now() - startedAt > 4_500 || lease.isLost || other.isLost)
      expect([lease.lost.reason, other.lost.reason]).toEqual([undefined, undefined])
      const direct = connect(server.endpoint)
      expect(await direct.lease.list()).toEqual([lease.id])
    },
  )

  it('T1.39 is lost to its owner before it is lost on the server, when answers are late or missing', async () => {
    const server = await etcd.start()
    await using proxy = await startProxy({ target: server.endpoint })
    const direct = connect(server.endpoint)
    const client = connect(proxy.endpoint)
    const lease = await client.lease.grant({ ttlSeconds: 2 })
    await client.kv.put('a', '1', { lease: lease.id })
    lease.keepAlive()
    const gone = new Recording(direct, { key: 'a' })
    await waitFor(() => gone.isCreated)
    proxy.stall()
    let wasHeldWhenLost: boolean | undefined
    lease.lost.addEventListener('abort', () => {
      wasHeldWhenLost = gone.batches.length === 0
    })
    await waitFor(() => lease.lost.aborted)
    await waitFor(() => gone.changes[0] === '-a')
    expect(wasHeldWhenLost).toBe(true)
    proxy.cutAll()
    proxy.heal()
  })

  it('T1.50 survives cuts, and a restart of the server', async () => {
    const server = await etcd.start()
    await using proxy = await startProxy({ target: server.endpoint })
    const client = connect(proxy.endpoint)
    const lease = await client.lease.grant({ ttlSeconds: 4 })
    await client.kv.put('a', '1', { lease: lease.id })
    lease.keepAlive()
    for (let round = 0; round < 2; round += 1) {
      const before = lease.expiresAt
      proxy.cutAll()
      await waitFor(() => lease.expiresAt > before)
    }
    const before = lease.expiresAt
    await server.stop('SIGKILL')
    await server.restart()
    await waitFor(() => lease.expiresAt > before)
    expect(lease.isLost).toBe(false)
    expect((await client.kv.get('a'))?.text).toBe('1')
  })

  itOfClient('T1.15 goes on through the other endpoint when one is a black hole', async () => {
    const server = await etcd.start()
    await using first = await startProxy({ target: server.endpoint })
    await using second = await startProxy({ target: server.endpoint })
    const client = connect([first.endpoint, second.endpoint])
    const lease = await client.lease.grant({ ttlSeconds: 3 })
    lease.keepAlive()
    await waitFor(() => first.connections + second.connections > 0)
    first.stall()
    const before = lease.expiresAt
    await waitFor(() => lease.expiresAt > before + 2_000)
    expect(lease.isLost).toBe(false)
    first.heal()
  })

  it('T1.41 a grant whose answer was lost makes one lease', async () => {
    const server = await etcd.start()
    await using proxy = await startProxy({ target: server.endpoint })
    const direct = connect(server.endpoint)
    const client = connect(proxy.endpoint)
    await client.kv.get('warm')
    proxy.dropReplies()
    const granting = client.lease.grant({ ttlSeconds: 60 })
    await waitFor(async () => (await direct.lease.list()).length === 1)
    proxy.cutAll()
    proxy.heal()
    const lease = await granting
    expect(await direct.lease.list()).toEqual([lease.id])
    expect(lease.ttlSeconds).toBe(60)
  })

  it('T1.43 with auth: renewed with a token, also when the server forgot it', async () => {
    const server = await etcd.start({ auth: { password: 'rootpw' } })
    const client = connect(server.endpoint, { auth: { username: 'root', password: 'rootpw' } })
    const lease = await client.lease.grant({ ttlSeconds: 4 })
    lease.keepAlive()
    await server.stop('SIGKILL')
    await server.restart()
    const before = lease.expiresAt
    await waitFor(() => lease.expiresAt > before + 2_000)
    expect(lease.isLost).toBe(false)
    expect(await client.lease.keepAliveOnce(lease.id)).toBe(4)
  })
})
