import { channel } from 'node:diagnostics_channel'
import { createEtcdClient, type EtcdChannels, openClients } from '@livetree/etcd'
import { expect, onTestFinished, test } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'

/** Records what a client publishes on a channel until the end of the test. */
function record<Name extends keyof EtcdChannels>(name: Name, client: string) {
  const messages: EtcdChannels[Name][] = []
  const take = (message: unknown): void => {
    if ((message as EtcdChannels[Name]).client === client) messages.push(message as EtcdChannels[Name])
  }
  channel(name).subscribe(take)
  onTestFinished(() => void channel(name).unsubscribe(take))
  return messages
}

oneEtcd('the channels of a client', (etcd) => {
  test('say what becomes of watches, leases and endpoints, and openClients how it is now', async () => {
    const server = await etcd.start()
    const proxy = await startProxy({ target: server.endpoint })
    onTestFinished(() => proxy.close())
    const clientName = 'channels'
    const client = createEtcdClient({ endpoints: proxy.endpoint, clientName, backoff: { maxMs: 50 } })
    const direct = createEtcdClient({ endpoints: server.endpoint })
    onTestFinished(async () => void (await Promise.all([client.close(), direct.close()])))
    const [state] = openClients().filter((each) => each.clientName === clientName)
    expect(state?.endpoints).toEqual([{ url: proxy.endpoint, state: 'idle' }])
    const watches = record('livetree:etcd:watch', clientName)
    const leases = record('livetree:etcd:lease', clientName)
    const endpoints = record('livetree:etcd:endpoint', clientName)

    const lists: number[] = []
    const onList = ({ revision }: { readonly revision: number }) => void lists.push(revision)
    client.watch.reflect({ ranges: [{ prefix: 'a' }] }, { onList, onPage: () => {}, onBatch: () => {} })
    const lease = await client.lease.grant({ ttlSeconds: 6 })
    lease.keepAlive()
    const isServed = () => state?.watches.size === 1 && state.watches.waiting === 0
    await waitFor(() => leases.length > 0 && isServed())
    expect(leases).toEqual([{ client: clientName, result: 'renewed', code: undefined }])
    expect(watches).toEqual([])

    await proxy.refuse()
    proxy.cutAll()
    await waitFor(() => state?.endpoints[0]?.state === 'away' && state.watches.waiting === 1)
    expect(watches[0]).toEqual({ client: clientName, endpoint: proxy.endpoint, reason: 'failed' })
    await direct.kv.put('a', '1')
    await direct.kv.compact((await direct.kv.put('a', '2')).header.revision)
    await direct.lease.revoke(lease.id)
    await proxy.accept()
    await waitFor(() => lists.length === 2 && isServed() && lease.lost.aborted)
    expect(watches.filter(({ reason }) => reason !== 'failed').map(({ reason }) => reason)).toEqual([
      'compacted',
    ])
    expect(leases.at(-1)).toEqual({ client: clientName, result: 'lost', code: undefined })
    expect(endpoints.map((each) => each.state)).toEqual(['connected', 'away', 'connected'])
    expect([...watches, ...leases, ...endpoints].every(Object.isFrozen)).toBe(true)
    await client.close()
    expect(openClients().filter((each) => each.clientName === clientName)).toEqual([])
  })
})
