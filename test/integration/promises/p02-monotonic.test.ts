import { expect, test } from 'vitest'
import { eachEtcd } from '../../support/each-etcd.ts'
import { startProxy } from '../../support/start-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { GOOD_TREE, useShop } from './shop.ts'

eachEtcd('P2 monotonic', (etcd) => {
  const shop = useShop(etcd)

  test('revision never goes back while connections are cut again and again', async () => {
    await shop.write(GOOD_TREE)
    const proxy = shop.keep(await startProxy({ target: shop.server.endpoint }))
    const config = await shop.load({}, { endpoints: [proxy.endpoint] })
    const revisions = [config.revision]
    config.on('change', ({ revision }) => revisions.push(revision))
    for (let round = 1; round <= 8; round++) {
      await shop.write({ 'limits/round': `${round}` })
      proxy.cutAll()
      await waitFor(() => config.current.limits.round === round)
    }
    expect(revisions).toEqual([...revisions].sort((a, b) => a - b))
    expect(config.epoch).toBe(0)
  })

  test('a replaced store is a new epoch, told and not mixed with the old one', async () => {
    const server = await etcd.start()
    const { createEtcdClient } = await import('@livetree/etcd')
    const client = shop.keep(createEtcdClient({ endpoints: [server.endpoint] }))
    const put = async (path: string, text: string) => client.kv.put(`${shop.root}/prod/${path}`, text)
    for (const [path, text] of Object.entries(GOOD_TREE)) await put(path, text)
    await put('limits/old', '1')
    // so that the new store cannot have passed this one's revision by the time it is looked at
    for (let count = 0; count < 50; count++) await client.kv.put('/elsewhere', `${count}`)
    const config = await shop.load({}, { endpoints: [server.endpoint] })
    const before = config.revision
    const events: { epoch: number; limits: object }[] = []
    config.on('change', ({ epoch, next }) => events.push({ epoch, limits: next.limits }))

    await server.restart({ emptyData: true })
    await waitFor(() => client.kv.put('/elsewhere', '1'))
    for (const [path, text] of Object.entries(GOOD_TREE)) await put(path, text)
    await put('limits/new', '2')

    await waitFor(() => config.current.limits.new === 2, {
      timeoutMs: 30_000,
      what: 'the new store in service',
    })
    expect(config.epoch).toBe(1)
    expect(config.revision).toBeLessThan(before)
    expect(config.current.limits).toEqual({ new: 2 })
    expect(events.every(({ epoch }) => epoch === 1)).toBe(true)
  })
})
