import { createEtcdClient, type EtcdClient, EtcdError } from '@livetree/etcd'
import { afterEach, expect, test } from 'vitest'
import { clientEtcds } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { startProxy } from '../../support/start-proxy.ts'

const codeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    (value) => value,
    (error: unknown) => (error instanceof EtcdError ? `${error.code} ${error.fate}` : error),
  )

clientEtcds('endpoints of two clusters', (etcd) => {
  withoutOpenHandles()
  const closing: (() => Promise<void>)[] = []

  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close()
  })

  function clientOf(endpoints: string | readonly string[]): EtcdClient {
    const client = createEtcdClient({ endpoints, timeouts: { callMs: 5_000 } })
    closing.push(() => client.close())
    return client
  }

  /** Two stores with 40 keys each, whose values say whose they are. */
  async function twoStores(): Promise<{ endpoint: string; client: EtcdClient }[]> {
    return Promise.all(
      ['a', 'b'].map(async (name) => {
        const { endpoint } = await etcd.start()
        const client = clientOf(endpoint)
        for (let index = 0; index < 40; index += 1) await client.kv.put(`/k/${100 + index}`, name)
        return { endpoint, client }
      }),
    )
  }

  test('get, iterate and scan read one of the two', async () => {
    const stores = await twoStores()
    const client = clientOf(stores.map(({ endpoint }) => endpoint))
    const seen = new Set<unknown>()
    for (let round = 0; round < 10; round += 1) {
      seen.add((await client.kv.get('/k/100'))?.text)
      for await (const entry of client.kv.iterate({ prefix: '/k/', pageSize: 7 })) seen.add(entry.text)
      await client.kv.scan({ prefix: '/k/', pageSize: 7 }, ({ values }) => {
        for (const value of values) seen.add(String(value))
      })
    }
    expect(seen.size).toBe(1)
  })

  test('a write to the other one is told of once, with its fate', async () => {
    const stores = await twoStores()
    const client = clientOf(stores.map(({ endpoint }) => endpoint))
    const said: unknown[] = []
    for (let index = 0; index < 12; index += 1) {
      said.push(await codeOf(client.kv.put(`/w/${index}`, 'v').then(() => 'done')))
    }
    expect(said.filter((each) => each !== 'done')).toEqual(['cluster_changed unknown'])
    const counts = await Promise.all(stores.map(({ client: each }) => each.kv.count({ prefix: '/w/' })))
    expect([...counts].sort((a, b) => a - b)).toEqual([1, 11])
  })

  test('a store exchanged behind its name: one call fails, then the new one is read, and no listing is of both', async () => {
    const [a, b] = await twoStores()
    const proxy = await startProxy({ target: a!.endpoint })
    closing.push(() => proxy.close())
    const client = clientOf(proxy.endpoint)
    const read = () => codeOf(client.kv.get('/k/100').then((entry) => entry?.text))
    expect(await read()).toBe('a')
    proxy.retarget(b!.endpoint)
    proxy.cutAll()
    expect([await read(), await read(), await read()]).toEqual(['cluster_changed unknown', 'b', 'b'])
    const seen = new Set<string>()
    const listing = async (): Promise<string> => {
      for await (const entry of client.kv.iterate({ prefix: '/k/', pageSize: 3 })) {
        seen.add(entry.text)
        if (seen.size > 1 || entry.key !== '/k/106') continue
        proxy.retarget(a!.endpoint)
        proxy.cutAll()
        await read()
        expect(await read()).toBe('a')
      }
      return 'read to its end'
    }
    expect(await codeOf(listing())).toMatch(/^cluster_changed/)
    expect([...seen]).toEqual(['b'])
  })
})
