import { createEtcdClient, op } from '@livetree/etcd'
import { defineConfig, etcd, type LiveConfig } from 'livetree'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { eachEtcd } from '../../support/each-etcd.ts'
import { withoutOpenHandles } from '../../support/open-handles.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'

withoutOpenHandles()

const schema = z.object({ port: z.number().default(80), name: z.string().default('x') })
const checkout = defineConfig({ name: 'checkout', schema })
const pair = defineConfig({ name: 'pair', schema: z.object({ a: z.number(), b: z.number() }) })
const platform = defineConfig({ name: 'platform', schema })

eachEtcd('several configurations in one process', (etcdUnderTest) => {
  const prepare = async () => {
    const server = await etcdUnderTest.start()
    const proxy = await startProxy({ target: server.endpoint })
    onTestFinished(() => proxy[Symbol.asyncDispose]())
    const store = createEtcdClient({ endpoints: [server.endpoint] })
    onTestFinished(() => store.close())
    return { proxy, store }
  }

  test('share a client where endpoints and credentials are equal, and leave nothing behind', async () => {
    const { proxy, store } = await prepare()
    const load = (definition: typeof checkout, ownClient = false) =>
      definition.load({
        sources: [etcd({ endpoints: [proxy.endpoint], root: `/config/${definition.name}`, ownClient })],
        logger: false,
      })
    const own = await load(checkout)
    const alone = proxy.connections
    const others = await Promise.all([load(platform), load(checkout), load(platform)])
    expect(proxy.connections).toBe(alone)
    expect(proxy.accepted).toBe(alone)
    const apart = await load(platform, true)
    expect(proxy.connections).toBe(2 * alone)
    await apart.close()

    await own.close()
    await store.kv.put('/config/platform/port', '81')
    await store.kv.put('/config/checkout/port', '82')
    await waitFor(() => others.map(({ current }) => current.port).join() === '81,82,81', {
      what: 'the changes in the configurations that are left',
    })
    proxy.cutAll()
    await store.kv.put('/config/platform/port', '83')
    await waitFor(() => others[0].current.port === 83 && others[2].current.port === 83, {
      what: 'the change after the connection was cut',
    })
    await Promise.all(others.map((config) => config.close()))
    await waitFor(() => proxy.connections === 0, { what: 'the last connection to be closed' })
  })

  test('of the same ranges share one watch, and each sees the store as it is, while they come and go', async () => {
    const { proxy, store } = await prepare()
    const client = createEtcdClient({ endpoints: [proxy.endpoint] })
    onTestFinished(() => client.close())
    /** What the store had from each revision on. */
    const written: { revision: number; n: number }[] = []
    const write = async (n: number) => {
      const put = (name: string) => op.put(`/config/pair/${name}`, String(n))
      const { header } = await store.kv.txn().then(put('a'), put('b')).commit()
      written.push({ revision: header.revision, n })
    }
    const seen: { revision: number; a: number; b: number }[] = []
    const configs: LiveConfig<{ readonly a: number; readonly b: number }>[] = []
    const load = async () => {
      const config = await pair.load({ sources: [etcd({ client, root: '/config/pair' })], logger: false })
      onTestFinished(() => config.close())
      configs.push(config)
      let last = config.current.a
      seen.push({ revision: config.revision, ...config.current })
      config.on('change', ({ revision, next }) => {
        expect(next.a).toBeGreaterThan(last)
        last = next.a
        seen.push({ revision, ...next })
      })
    }
    await write(0)
    for (let count = 0; count < 8; count++) await load()
    await waitFor(() => client.watch.size === 1, { what: 'one watch for all configurations' })

    for (let n = 1; n <= 200; n++) {
      await write(n)
      if (n % 9 === 0) void configs.shift()?.close()
      if (n % 9 === 4) await Promise.all([load(), n % 2 === 0 ? write(n + 0.5) : undefined])
      if (n % 50 === 20) proxy.cutAll()
      if (n % 50 === 40) await store.kv.compact(written.at(-1)?.revision ?? 1)
    }
    await write(1_000)
    await waitFor(() => configs.every(({ current }) => current.a === 1_000), {
      what: 'all to have the last write',
    })
    for (const { revision, a, b } of seen) {
      expect(b).toBe(a)
      expect(a).toBe(written.findLast((each) => each.revision <= revision)?.n)
    }
    await load()
    await waitFor(() => client.watch.size === 1, { what: 'one watch for all configurations again' })
    await Promise.all(configs.map((config) => config.close()))
    expect(client.watch.size).toBe(0)
  })
})
