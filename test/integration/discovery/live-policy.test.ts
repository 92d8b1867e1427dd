import { livePolicy } from '@livetree/discovery'
import { policySchema } from '@livetree/discovery/schema'
import { createTestConfig, defineConfig } from 'livetree'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { oneEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { discoveryOn, startProvider } from './discovery-kit.ts'

const shop = defineConfig({ name: 'shop', schema: z.object({ clients: policySchema }) })

oneEtcd('a policy in a livetree configuration', (etcd) => {
  withoutOpenHandles()

  test('moves the requests of every service at once, keeps what was learnt, and is never invalid', async () => {
    const server = await etcd.start()
    const config = await createTestConfig(shop, { clients: {} })
    onTestFinished(() => config.close())
    const { discovery, client } = discoveryOn(server.endpoint, {
      policy: livePolicy(config, (c) => c.clients),
    })
    const providers = [await startProvider(), await startProvider()]
    const [one, two] = providers
    for (const { address } of providers) {
      await client.kv.put(
        `services/orders/${address}`,
        JSON.stringify({ Op: 0, Addr: address, Metadata: null }),
      )
    }
    const orders = await discovery.openService('orders')
    await orders.fresh()
    const send = async (count: number) => {
      for (let index = 0; index < count; index += 1) {
        await (await orders.request({ path: '/', method: 'GET' })).body.dump()
      }
    }
    const counts = () => providers.map(({ received }) => received.length)
    const drain = (address = '', other = '') =>
      config.set({
        clients: { orders: { overrides: { [address]: { weight: 0 }, [other]: { weight: 100 } } } },
      })
    await drain(one?.address, two?.address)
    await send(10)
    expect(counts()).toEqual([0, 10])
    const learnt = orders.endpoints.find(({ address }) => address === two?.address)?.ewmaMs
    await drain(two?.address, one?.address)
    expect(orders.endpoints.find(({ address }) => address === two?.address)?.ewmaMs).toBe(learnt)
    await send(10)
    expect(counts()).toEqual([10, 10])
  })

  test('accepts every setting in its range and refuses everything else', () => {
    const accepts = (clients: unknown) => policySchema.safeParse(clients).success
    expect(
      accepts({ default: {}, orders: { algorithm: 'ring-hash', retries: { most: 0 }, slowStartMs: 0 } }),
    ).toBe(true)
    expect(accepts({ orders: { outliers: { failuresInRow: 3, mostEjectedShare: 0.5 } } })).toBe(true)
    for (const settings of [
      { algorithm: 'best' },
      { decayMs: 0 },
      { panicShare: 2 },
      { retries: { most: 1.5 } },
      { overrides: { a: { weight: -1 } } },
      { hashHeader: 'X-Key' },
      { connections: 'many' },
    ]) {
      expect(accepts({ orders: settings }), JSON.stringify(settings)).toBe(false)
    }
  })
})
