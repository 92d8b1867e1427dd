import { AsyncLocalStorage } from 'node:async_hooks'
import { channel } from 'node:diagnostics_channel'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { CallMessage, EtcdChannels } from '@livetree/etcd'
import { expect, it, onTestFinished } from 'vitest'
import { clientEtcds } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { watchFromNow } from '../../support/watch-from-now.ts'
import { connect } from './watch-kit.ts'

withoutOpenHandles()

const callers = new AsyncLocalStorage<unknown>()

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Notes in whose context each message of the client named `ours` is published, until the end of the test. */
function notes() {
  const noted: { readonly what: string; readonly by: unknown }[] = []
  const on = <Name extends keyof EtcdChannels>(
    name: Name,
    whatOf: (message: EtcdChannels[Name]) => string,
  ) => {
    const take = (given: unknown) => {
      const message = given as EtcdChannels[Name]
      if (message.client === 'ours') noted.push({ what: whatOf(message), by: callers.getStore() })
    }
    channel(name).subscribe(take)
    onTestFinished(() => void channel(name).unsubscribe(take))
  }
  on('tracing:livetree:etcd:call:start', ({ method }: CallMessage) => method)
  on('livetree:etcd:watch', ({ reason }) => `watch ${reason}`)
  on('livetree:etcd:lease', ({ result }) => `lease ${result}`)
  const note = (what: string) => void noted.push({ what, by: callers.getStore() })
  const count = (what: string) => noted.filter((each) => each.what === what).length
  return { noted, note, count }
}

clientEtcds('the asynchronous context of a caller', (etcd) => {
  it('is left by all that a client does by itself', async () => {
    const server = await etcd.start()
    await using proxy = await startProxy({ target: server.endpoint })
    const direct = connect(server.endpoint)
    const { noted, note, count } = notes()
    const { written } = await callers.run('request', async () => {
      const client = connect(proxy.endpoint, { clientName: 'ours' })
      // of a client of its own: the members are reached past the proxy
      connect(server.endpoint, { clientName: 'ours', syncMembersMs: 50 })
      await client.kv.put('a/1', '1')
      client.watch.reflect(
        { ranges: [{ prefix: 'a/' }] },
        {
          onPage() {},
          onList: () => note('list'),
          onBatch: () => note('batch'),
          onContact: () => note('contact'),
          onLost: () => note('lost'),
        },
      )
      await watchFromNow(client, { prefix: 'a/' }, () => note('events'))
      const lease = await client.lease.grant({ ttlSeconds: 3 })
      lease.keepAlive()
      await waitFor(() => count('contact') > 0 && count('lease renewed') > 0)
      return { written: client.kv.put('a/1', '2') }
    })
    await written
    for (let cut = 1; cut <= 2; cut += 1) {
      const contacts = count('contact')
      proxy.cutAll()
      await waitFor(() => count('contact') > contacts)
      const [batches, events, renewals, syncs] = counts()
      await direct.kv.put('a/1', `${cut}`)
      await waitFor(() => {
        const now = counts()
        return [batches, events, renewals, syncs].every((before = 0, index) => (now[index] ?? 0) > before)
      })
    }
    function counts() {
      return [count('batch'), count('events'), count('lease renewed'), count('Cluster/MemberList')]
    }
    const ofRequest = noted.filter(({ by }) => by === 'request').map(({ what }) => what)
    expect(ofRequest).toEqual(['KV/Put', 'Lease/LeaseGrant', 'KV/Put'])
    expect(noted.some(({ what, by }) => what === 'KV/Txn' && by === undefined)).toBe(true)
  })

  it('is left by a stream that is opened because the caller waits for another one in vain', async () => {
    const server = await etcd.start()
    await using proxy = await startProxy({ target: server.endpoint })
    const direct = connect(server.endpoint)
    const { noted, note, count } = notes()
    const watch = { progressIntervalMs: 60_000, progressGraceMs: 300, openTimeoutMs: 3_000 }
    const client = connect(proxy.endpoint, { clientName: 'ours', watch })
    const handlers = { onEvents: () => note('events'), onCreated: () => note('created') }
    const watcher = client.watch.subscribe({ prefix: 'a/' }, handlers)
    await waitFor(() => count('created') > 0)
    const { header } = await direct.kv.put('b', '1')
    proxy.stall('toClient')
    const reached = callers.run('request', () => watcher.reached(header.revision))
    await waitFor(() => noted.some(({ what }) => what.startsWith('watch ')))
    proxy.heal()
    await reached
    await direct.kv.put('a/1', '1')
    await waitFor(() => count('events') > 0)
    expect(noted.filter(({ by }) => by === 'request')).toEqual([])
  })

  it('is not kept by connections, watches and leases', async () => {
    const server = await etcd.start()
    const client = connect(server.endpoint, { watch: {} })
    let isFollowing = false
    const setOff = async (): Promise<WeakRef<object>> => {
      const request = { body: 'large' }
      await callers.run(request, async () => {
        await client.kv.put('a/1', '1')
        const none = { onPage() {}, onList() {}, onBatch() {} }
        client.watch.reflect(
          { ranges: [{ prefix: 'a/' }] },
          { ...none, onContact: () => (isFollowing = true) },
        )
        const watcher = client.watch.subscribe({ prefix: 'a/' }, { onEvents() {} })
        const leases = [
          await client.lease.grant({ ttlSeconds: 60 }),
          await client.lease.grant({ ttlSeconds: 60 }),
        ]
        leases[0]?.keepAlive()
        await waitFor(() => isFollowing)
        const { header } = await client.kv.put('b', '1')
        await watcher.reached(header.revision)
      })
      return new WeakRef(request)
    }
    const request = await setOff()
    await waitFor(
      () => {
        collectGarbage()
        return request.deref() === undefined
      },
      { timeoutMs: 10_000 },
    )
    expect(client.watch.size).toBe(2)
  })
})
